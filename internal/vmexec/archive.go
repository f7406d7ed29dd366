// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/cavaliergopher/cpio"
	"github.com/kmemleak/kmemleak/internal/vmexec/guest"
)

// pack writes the initramfs.
func pack(name string, o options, test string, config guest.Config) error {
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer out.Close()
	a := archive{w: cpio.NewWriter(out), made: map[string]bool{"/": true}}
	data, err := json.Marshal(config)
	if err != nil {
		return err
	}
	a.bytes(guest.ConfigPath, data, 0o644)
	a.file("/init", o.init, 0o755)
	a.file(guest.TestPath, test, 0o755)
	if _, err := os.Stat("testdata"); err == nil {
		a.tree(path.Join(guest.Dir, "testdata"), "testdata")
	}
	for _, f := range o.files {
		host, target, ok := strings.Cut(f, "=")
		if !ok || !path.IsAbs(target) {
			return fmt.Errorf("-file %s is not host=/guest", f)
		}
		a.file(target, host, 0o755) // it may be a program
	}
	if a.err == nil {
		a.err = a.w.Close()
	}
	if a.err != nil {
		return a.err
	}
	return out.Close()
}

// An archive is an initramfs being written; err is the first error.
type archive struct {
	w    *cpio.Writer
	made map[string]bool // folders
	err  error
}

func (a *archive) bytes(name string, data []byte, mode cpio.FileMode) {
	a.folder(path.Dir(name))
	if a.err == nil {
		a.err = a.w.WriteHeader(&cpio.Header{Name: name[1:], Mode: cpio.TypeReg | mode, Size: int64(len(data))})
	}
	if a.err == nil {
		_, a.err = a.w.Write(data)
	}
}

func (a *archive) file(name, host string, mode cpio.FileMode) {
	if a.err != nil {
		return
	}
	data, err := os.ReadFile(host)
	if err != nil {
		a.err = err
		return
	}
	a.bytes(name, data, mode)
}

func (a *archive) tree(name, host string) {
	err := filepath.WalkDir(host, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			rest, _ := filepath.Rel(host, p)
			a.file(path.Join(name, filepath.ToSlash(rest)), p, 0o644)
			err = a.err
		}
		return err
	})
	if a.err == nil {
		a.err = err
	}
}

// folder makes name and all folders above it; the kernel does not make those itself.
func (a *archive) folder(name string) {
	if a.err != nil || a.made[name] {
		return
	}
	a.folder(path.Dir(name))
	a.made[name] = true
	if a.err == nil {
		a.err = a.w.WriteHeader(&cpio.Header{Name: name[1:], Mode: cpio.TypeDir | 0o755})
	}
}

// unpack writes the files of an archive made by the guest to the folder dir.
func unpack(dir string, r io.Reader) error {
	archive := cpio.NewReader(r)
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if !h.Mode.IsRegular() {
			continue
		}
		if !filepath.IsLocal(h.Name) {
			return fmt.Errorf("the guest sent a file %q", h.Name)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			return err
		}
		name := filepath.Join(dir, filepath.FromSlash(h.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(name, data, 0o666); err != nil {
			return err
		}
	}
}
