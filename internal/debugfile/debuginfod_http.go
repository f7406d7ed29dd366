// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !nonet

package debugfile

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"
)

// transfer makes the request. It calls alive whenever a window has arrived.
func (d *Debuginfod) transfer(ctx context.Context, url string, maxSize int64, e entry, alive func()) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	req.Header.Set("User-Agent", "kmemleak")
	req.Header.Set("X-Debuginfod-Maxsize", strconv.FormatInt(maxSize, 10))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	total := resp.ContentLength
	if total < 0 {
		// For a compressed response the size is in this header.
		if total, err = strconv.ParseInt(resp.Header.Get("X-Debuginfod-Size"), 10, 64); err != nil {
			total = -1
		}
	}
	tooLarge := fmt.Errorf("%s: %w: larger than %d bytes", url, errRefused, maxSize)
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s: %w", url, fs.ErrNotExist)
	case resp.StatusCode == http.StatusNotAcceptable, resp.StatusCode == http.StatusOK && total > maxSize:
		return tooLarge
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	p := progress{url: url, total: total, tell: d.Progress, alive: alive}
	if err := p.report(0); err != nil {
		return err
	}
	modified, _ := http.ParseTime(resp.Header.Get("Last-Modified"))
	return e.store(modified, func(w io.Writer) error {
		n, err := io.Copy(io.MultiWriter(w, &p), io.LimitReader(resp.Body, maxSize+1))
		if err == nil && n > maxSize {
			err = tooLarge
		}
		if err != nil {
			return err
		}
		return p.report(n)
	})
}
