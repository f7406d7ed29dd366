// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"

	"github.com/kmemleak/kmemleak/internal/vmexec/guest"
)

// A monitor gives QEMU commands, by its QMP.
type monitor struct {
	w       io.Writer
	replies *json.Decoder
}

func newMonitor(conn io.ReadWriter) (*monitor, error) {
	m := &monitor{conn, json.NewDecoder(bufio.NewReader(conn))}
	var greeting struct {
		QMP json.RawMessage
	}
	if err := m.replies.Decode(&greeting); err != nil {
		return nil, err
	}
	if greeting.QMP == nil {
		return nil, errors.New("QEMU did not greet")
	}
	return m, m.do("qmp_capabilities", nil)
}

// do gives a command and waits for its end.
func (m *monitor) do(command string, arguments map[string]any) error {
	message := map[string]any{"execute": command}
	if arguments != nil { // QEMU takes no null
		message["arguments"] = arguments
	}
	if err := json.NewEncoder(m.w).Encode(message); err != nil {
		return err
	}
	for {
		var reply struct {
			Return json.RawMessage
			Error  *struct{ Desc string }
		}
		if err := m.replies.Decode(&reply); err != nil {
			return fmt.Errorf("%s: %w", command, err)
		}
		if reply.Error != nil {
			return fmt.Errorf("%s: %s", command, reply.Error.Desc)
		}
		if reply.Return != nil {
			return nil // what came before were events
		}
	}
}

// A dumpFile is a file for the guest's memory.
type dumpFile struct{ format, name string }

// parseDumps reads the flags -dump: FORMAT=FILE, with a format of dump-guest-memory.
func parseDumps(flags list) ([]dumpFile, error) {
	var files []dumpFile
	for _, f := range flags {
		format, name, ok := strings.Cut(f, "=")
		if !ok {
			return nil, fmt.Errorf("-dump %s is not format=file", f)
		}
		name, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		files = append(files, dumpFile{format, name})
	}
	return files, nil
}

// dump writes the guest's memory to files. The guest does nothing meanwhile.
func (m *monitor) dump(files []dumpFile) error {
	if err := m.do("stop", nil); err != nil {
		return err
	}
	for _, f := range files {
		if err := m.do("dump-guest-memory", map[string]any{"paging": false, "protocol": "file:" + f.name, "format": f.format}); err != nil {
			return err
		}
	}
	return nil
}

// dumpBy dumps the guest of a QEMU whose monitor listens on a socket, and ends QEMU.
func dumpBy(socket string, files []dumpFile) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	m, err := newMonitor(conn)
	if err != nil {
		return err
	}
	return errors.Join(m.dump(files), m.do("quit", nil))
}

// An endWatcher calls end once the test has ended.
type endWatcher struct {
	*guest.StatusFilter
	end func()
}

func (w *endWatcher) Write(p []byte) (int, error) {
	before := w.Ended
	n, err := w.StatusFilter.Write(p)
	if w.Ended && !before && w.end != nil {
		w.end()
	}
	return n, err
}
