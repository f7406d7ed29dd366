// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A signal ends the loading from a server that keeps it waiting, and the report is
// written with what there is.
func TestInterruptLoading(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := unix.Kill(os.Getpid(), unix.SIGTERM); err != nil {
			t.Error(err)
		}
		<-r.Context().Done()
	}))
	defer server.Close()
	t.Setenv("DEBUGINFOD_URLS", server.URL)
	t.Setenv("DEBUGINFOD_CACHE_PATH", t.TempDir())
	var out, said bytes.Buffer
	status := run(t.Context(), []string{"symbolize", "-release", "0", "-snapshot", modules, report}, stdio{out: &out, err: &said})
	const want = "kmemleak symbolize: not all debugging information was loaded: terminated signal received\n"
	if status != statusError || said.String() != want || !strings.Contains(out.String(), "myfunc") {
		t.Errorf("status %d, %q, %s", status, said.String(), out.String())
	}
}
