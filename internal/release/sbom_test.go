// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"debug/buildinfo"
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSBOM(t *testing.T) {
	info := &buildinfo.BuildInfo{
		GoVersion: "go1.26.8", Main: debug.Module{Path: modulePath, Version: "v0.1.0+dirty"},
		Deps: []*debug.Module{{Path: "example.com/a", Version: "v1.2.3", Sum: "h1:x="}},
	}
	got, err := sbom([]artifact{{name: "kmemleak-linux-arm64", sum: "5f", info: info}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "bomFormat": "CycloneDX",
  "specVersion": "1.5",
  "version": 1,
  "metadata": {
    "component": {
      "type": "application",
      "bom-ref": "pkg:golang/github.com/kmemleak/kmemleak@v0.1.0%2Bdirty",
      "name": "kmemleak",
      "version": "v0.1.0+dirty",
      "purl": "pkg:golang/github.com/kmemleak/kmemleak@v0.1.0%2Bdirty",
      "licenses": [
        {
          "expression": "BSD-3-Clause"
        }
      ]
    }
  },
  "components": [
    {
      "type": "file",
      "bom-ref": "kmemleak-linux-arm64",
      "name": "kmemleak-linux-arm64",
      "version": "v0.1.0+dirty",
      "hashes": [
        {
          "alg": "SHA-256",
          "content": "5f"
        }
      ]
    },
    {
      "type": "library",
      "bom-ref": "pkg:golang/example.com/a@v1.2.3",
      "name": "example.com/a",
      "version": "v1.2.3",
      "purl": "pkg:golang/example.com/a@v1.2.3",
      "properties": [
        {
          "name": "go.sum",
          "value": "h1:x="
        }
      ]
    },
    {
      "type": "library",
      "bom-ref": "pkg:golang/std@1.26.8",
      "name": "std",
      "version": "1.26.8",
      "purl": "pkg:golang/std@1.26.8"
    }
  ],
  "dependencies": [
    {
      "ref": "pkg:golang/github.com/kmemleak/kmemleak@v0.1.0%2Bdirty",
      "dependsOn": [
        "kmemleak-linux-arm64"
      ]
    },
    {
      "ref": "kmemleak-linux-arm64",
      "dependsOn": [
        "pkg:golang/example.com/a@v1.2.3",
        "pkg:golang/std@1.26.8"
      ]
    }
  ]
}
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
