// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"bufio"
	"compress/gzip"
	"context"
	"io"
	"io/fs"
	"path"
	"strings"
)

// A configured machine knows how its kernel was built.
type configured interface {
	config(ctx context.Context) (options map[string]string, source string)
}

// Config returns the options with which m's kernel was built that are set, and the file that
// says so: nil and "" if there is none that can be read.
func Config(ctx context.Context, m Machine) (options map[string]string, source string) {
	if c, ok := m.(configured); ok {
		return c.config(ctx)
	}
	return nil, ""
}

// configFiles are where the configuration of a kernel may be.
func configFiles(release string) []string {
	return []string{"proc/config.gz", "boot/config-" + release, "lib/modules/" + release + "/config"}
}

// kernelConfig returns the options that are set in the running kernel's
// configuration, and where it was found: nil and "" if nowhere.
func kernelConfig(root fs.FS, release string) (config map[string]string, source string) {
	for _, name := range configFiles(release) {
		file, err := root.Open(name)
		if err != nil {
			continue
		}
		var r io.Reader = file
		if path.Ext(name) == ".gz" {
			r, err = gzip.NewReader(file)
		}
		if err == nil {
			config, err = parseConfig(r)
		}
		file.Close()
		if err == nil {
			return config, "/" + name
		}
	}
	return nil, ""
}

func (r remote) config(ctx context.Context) (map[string]string, string) {
	release, err := r.Setting(ctx, "/proc/sys/kernel/osrelease")
	if err != nil {
		return nil, ""
	}
	for _, name := range configFiles(release) {
		read := "cat "
		if path.Ext(name) == ".gz" {
			read = "zcat "
		}
		// A shell script that fails says why, which is no option.
		text, err := r.output(ctx, read+quote("/"+name)+" | grep '^CONFIG_'")
		if err != nil {
			continue
		}
		if config, err := parseConfig(strings.NewReader(text)); err == nil && len(config) > 0 {
			return config, "/" + name
		}
	}
	return nil, ""
}

func parseConfig(r io.Reader) (map[string]string, error) {
	config := make(map[string]string)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok && strings.HasPrefix(name, "CONFIG_") {
			config[name] = value
		}
	}
	return config, lines.Err()
}
