// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Upload sends a profile of leaks, such as examples/pprof makes, to a Grafana Pyroscope
// server, where the leaks of many machines come together.
//
//	upload http://localhost:4040 leaks.pb.gz
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: upload SERVER PROFILE")
	}
	profile, err := os.ReadFile(os.Args[2])
	if err == nil {
		err = send(os.Args[1], profile)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// send asks Pyroscope's PusherService to take a profile, by JSON. See "Server HTTP API" in
// its documentation.
func send(server string, profile []byte) error {
	type label struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	type sample struct {
		ID         string `json:"ID"`         // a UUID
		RawProfile []byte `json:"rawProfile"` // base64 in JSON
	}
	type series struct {
		Labels  []label  `json:"labels"`
		Samples []sample `json:"samples"`
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	id := make([]byte, 16)
	rand.Read(id)
	id[6], id[8] = id[6]&0xf|0x40, id[8]&0x3f|0x80 // a random one: version 4 of RFC 9562
	uuid := fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
	body, err := json.Marshal(map[string]any{"series": []series{{
		[]label{{"__name__", "kmemleak"}, {"service_name", "kernel"}, {"instance", host}},
		[]sample{{uuid, profile}},
	}}})
	if err != nil {
		return err
	}
	response, err := http.Post(server+"/push.v1.PusherService/Push", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(response.Body, 1000))
		return fmt.Errorf("%s: %s: %q", server, response.Status, why)
	}
	return nil
}
