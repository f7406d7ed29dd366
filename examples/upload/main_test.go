// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSend checks what a Pyroscope server would receive: the form is that of "Server HTTP
// API" in its documentation, where every one of these members is required.
func TestSend(t *testing.T) {
	type request struct {
		Series []struct {
			Labels  []struct{ Name, Value string }
			Samples []struct {
				ID         string
				RawProfile []byte
			}
		}
	}
	var got request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if diff := cmp.Diff("POST /push.v1.PusherService/Push application/json", r.Method+" "+r.URL.String()+" "+r.Header.Get("Content-Type")); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&got); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	p := []byte("a profile")
	if err := send(server.URL, p); err != nil {
		t.Fatal(err)
	}
	labels := make(map[string]bool)
	for _, l := range got.Series[0].Labels {
		labels[l.Name] = l.Value != ""
	}
	if diff := cmp.Diff(map[string]bool{"__name__": true, "service_name": true, "instance": true}, labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(p, got.Series[0].Samples[0].RawProfile); diff != "" {
		t.Errorf("profile (-want +got):\n%s", diff)
	}

	if id := got.Series[0].Samples[0].ID; !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
		t.Errorf("ID %q is no UUID of version 4", id)
	}

	refusing := httptest.NewServer(http.NotFoundHandler())
	defer refusing.Close()
	if err := send(refusing.URL, p); err == nil || !strings.Contains(err.Error(), "404 page not found") {
		t.Errorf("error %v of a server that refuses, want what it says", err)
	}
}
