// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

const modulePath = "github.com/kmemleak/kmemleak"

// The parts of CycloneDX 1.5 (https://cyclonedx.org/docs/1.5/json) that are used.
type (
	bom struct {
		Format       string       `json:"bomFormat"`
		SpecVersion  string       `json:"specVersion"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Component component `json:"component"`
	}
	component struct {
		Type       string     `json:"type"`
		Ref        string     `json:"bom-ref"`
		Name       string     `json:"name"`
		Version    string     `json:"version,omitempty"`
		PURL       string     `json:"purl,omitempty"`
		Hashes     []hash     `json:"hashes,omitempty"`
		Licenses   []license  `json:"licenses,omitempty"`
		Properties []property `json:"properties,omitempty"`
	}
	hash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	license struct {
		Expression string `json:"expression"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	dependency struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn,omitempty"`
	}
)

// sbom returns a CycloneDX document of the programs: each with its checksum and with the
// modules, the standard library included, that Go says to have linked into it. It has
// no time and no number, so that it is the same whenever it is made.
func sbom(made []artifact) ([]byte, error) {
	libraries := make(map[string]component)
	doc := bom{Format: "CycloneDX", SpecVersion: "1.5", Version: 1}
	main := component{Type: "application", Name: "kmemleak", Licenses: []license{{"BSD-3-Clause"}}}
	var names []string
	for _, a := range made {
		main.Version = a.info.Main.Version
		names = append(names, a.name)
		var uses []string
		use := func(path, version, sum string) {
			c := component{Type: "library", Name: path, Version: version, PURL: packageURL(path, version)}
			c.Ref = c.PURL
			if sum != "" {
				c.Properties = []property{{"go.sum", sum}}
			}
			libraries[c.Ref] = c
			uses = append(uses, c.Ref)
		}
		use("std", strings.TrimPrefix(a.info.GoVersion, "go"), "")
		for _, m := range a.info.Deps {
			use(m.Path, m.Version, m.Sum)
		}
		slices.Sort(uses)
		doc.Components = append(doc.Components, component{
			Type: "file", Ref: a.name, Name: a.name, Version: a.info.Main.Version, Hashes: []hash{{"SHA-256", a.sum}},
		})
		doc.Dependencies = append(doc.Dependencies, dependency{a.name, uses})
	}
	main.PURL = packageURL(modulePath, main.Version)
	main.Ref = main.PURL
	doc.Metadata.Component = main
	sorted := slices.SortedFunc(maps.Values(libraries), func(a, b component) int { return cmp.Compare(a.Ref, b.Ref) })
	doc.Components = append(doc.Components, sorted...)
	doc.Dependencies = append([]dependency{{main.Ref, names}}, doc.Dependencies...)
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetIndent("", "  ")
	err := e.Encode(doc)
	return out.Bytes(), err
}

// packageURL returns the name of a module (https://github.com/package-url/purl-spec).
func packageURL(path, version string) string {
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
}
