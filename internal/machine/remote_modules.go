// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"context"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"
	"testing/fstest"
)

// modulesScript prints the files of modules as lines of a path, a colon and the content:
// that of sections as text, build IDs in hex. One process reads all files of a module, for
// there are thousands. The names of sections begin with a dot, mostly. A kernel without
// modules has all of /proc but their list.
const modulesScript = `[ ! -e /proc/modules ] && [ -e /proc/version ] || ` +
	`sed 's/^/proc\/modules:/' /proc/modules && cd /sys/module && { ` +
	`for m in */sections; do grep '' /dev/null "$m"/.[!.]* "$m"/[!.]* 2>/dev/null; done; ` +
	`for n in */notes/.note.gnu.build-id; do [ ! -e "$n" ] || echo "$n:"$(od -An -v -tx1 "$n" 2>/dev/null); done; }`

func (r remote) Modules(ctx context.Context) (fs.FS, error) {
	text, err := r.output(ctx, modulesScript)
	if err != nil {
		return nil, fmt.Errorf("where modules are: %w", err)
	}
	return modulesFS(text), nil
}

// modulesFS makes files of what modulesScript prints. What it does not know it leaves out.
func modulesFS(text string) fstest.MapFS {
	var modules []byte
	files := make(fstest.MapFS)
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(line, ":")
		switch {
		case !ok:
		case name == "proc/modules":
			modules = append(modules, value...)
		case strings.HasSuffix(name, "/notes/.note.gnu.build-id"):
			// A machine without od has no build IDs to tell.
			if b, err := hex.DecodeString(strings.Join(strings.Fields(value), "")); err == nil && len(b) > 0 {
				files["sys/module/"+name] = &fstest.MapFile{Data: b}
			}
		case strings.Contains(name, "/sections/"):
			files["sys/module/"+name] = &fstest.MapFile{Data: []byte(value)}
		}
	}
	files["proc/modules"] = &fstest.MapFile{Data: modules}
	return files
}
