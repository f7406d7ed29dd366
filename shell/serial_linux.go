// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package shell

import (
	"cmp"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

var speeds = map[string]uint32{
	"9600": unix.B9600, "19200": unix.B19200, "38400": unix.B38400, "57600": unix.B57600, "115200": unix.B115200,
	"230400": unix.B230400, "460800": unix.B460800, "921600": unix.B921600, "1500000": unix.B1500000,
}

// openSerial opens a serial line and sets it to 8 bits that nothing changes.
func openSerial(name, speed string) (io.ReadWriteCloser, error) {
	rate, ok := speeds[cmp.Or(speed, "115200")]
	if !ok {
		return nil, fmt.Errorf("a speed of %q baud", speed)
	}
	// Without O_NONBLOCK it would wait for a carrier, and a reader could not be ended.
	file, err := os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	raw, err := file.SyscallConn()
	if err == nil {
		var failed error
		err = raw.Control(func(fd uintptr) { failed = setRaw(int(fd), rate) })
		if err == nil {
			err = failed
		}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func setRaw(fd int, rate uint32) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return fmt.Errorf("it is no terminal: %w", err)
	}
	t.Iflag, t.Oflag, t.Lflag = unix.IGNBRK, 0, 0
	t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB|unix.CSTOPB|unix.CBAUD) | unix.CS8 | unix.CREAD | unix.CLOCAL | rate
	t.Ispeed, t.Ospeed = rate, rate
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}
