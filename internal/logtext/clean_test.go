// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package logtext

import (
	"encoding/binary"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestClean(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"decimal references", "[&#60;c0a011d3&#62;] f+0x1&#47;0x2&#160;[m]", "[<c0a011d3>] f+0x1/0x2 [m]"},
		{"references with leading zeros", "name &#034;x&#034;", `name "x"`},
		{"hexadecimal references", "[&#x3C;c0a011d3&#X3e;] f&#x2B;0x1&#x2F;0x2", "[<c0a011d3>] f+0x1/0x2"},
		{"no reference", "&#; &#x; &#1; &#60 &#99999999; &bogus;", "&#; &#x; &#1; &#60 &#99999999; &bogus;"},
		{"escaped twice", "[&amp;lt;c0a011d3&amp;gt;] &amp; &amp;quot;", `[<c0a011d3>] & "`},
		{"escaped three times", "[&amp;amp;lt;c0a011d3&amp;amp;gt;]", "[<c0a011d3>]"},
		{"capital tags", "<PRE>f+0x1/0x2<BR>g<Br/>h</PRE>", "\nf+0x1/0x2\ng\nh\n"},
		{"tags for emphasis", "<strong>f</strong><em>+</em><o:p>0x1</o:p>", "f+0x1"},
		{"types", "<A as B>::f <T>::g <P>", "<A as B>::f <T>::g <P>"},
		{"types like tags", "<a>::f <i as u>::g", "<a>::f <i as u>::g"},
		{"a tag without end", strings.Repeat("<p ", 200), strings.Repeat("<p ", 200)},
		{"markdown", `\[\<c0a011d3\>\] my\_func+0x1/0x2 \[my\_mod\]`, "[<c0a011d3>] my_func+0x1/0x2 [my_mod]"},
		{"blanks", "a\u2003b\u202fc\u3000d\u00a0e\ff\vg", "a b c d e f g"},
		{"Latin-1 blanks", "\xa0\xa0f\xa0g", "  f g"},
		{"a letter with the byte of a blank", "caf\u00e0", "caf\u00e0"},
		{"a log in JSON", `{"log":"\tname \"x\"\r\n","stream":"stdout"}`, "\tname \"x\""},
		{"a list in YAML", `- {"dt": "2026-11-23T01:13:44", "lvl": "target", "msg": "[\u003cc0a011d3\u003e] f&lt;"}`, "[<c0a011d3>] f<"},
		{"a report in another string", `{"message":"x","body":"lost object"}`, `{"message":"x","body":"lost object"}`},
		{"no text in JSON", `{"message":[1,2]}`, `{"message":[1,2]}`},
		{"JSON, cut", `{"message":"x`, `{"message":"x`},
		{"octal numbers of rsyslog", "host: lost object#012#011name #012", "host: lost object\n\tname \n"},
		{"a number sign", "a #012 b", "a #012 b"},
		{"line ends as numbers", "a&#10;b&#x9;c&#8;d", "a\nb\tc&#8;d"},
		{"soft hyphen", "a_\u00adb", "a_b"},
		{"multiplication sign", "0\u00d71 a\u00d7b", "0x1 a\u00d7b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cl := cleaner{subject: &subject}
			got, ok := cl.clean([]byte(tt.text))
			if diff := cmp.Diff(tt.want, string(got)); diff != "" || !ok {
				t.Errorf("%v (-want +got):\n%s", ok, diff)
			}
		})
	}
}

func TestCleanSoft(t *testing.T) {
	long := strings.Repeat("x", 75)
	cl := cleaner{subject: &subject}
	if got, ok := cl.clean([]byte(long + "=")); ok {
		t.Errorf("a soft line break gives %q", got)
	}
	if got, ok := cl.clean([]byte("y")); !ok || string(got) != long+"y" {
		t.Errorf("after a soft line break: %q, %v", got, ok)
	}
	if got, ok := cl.clean([]byte("z")); !ok || string(got) != "z" {
		t.Errorf("after that: %q, %v", got, ok)
	}
	cl.clean([]byte(long + "="))
	if got := cl.soft; string(got) != long {
		t.Errorf("the rest is %q", got)
	}
}

// The word of eight bytes agrees with the table, wherever the byte stands.
func TestIsPlain(t *testing.T) {
	var b [8]byte
	for c := range 256 {
		for at := range b {
			for _, other := range []byte("a ~!") {
				for i := range b {
					b[i] = other
				}
				b[at] = byte(c)
				plain := c >= ' ' && c < 0x80 && !suspect[c]
				if got := isPlain(binary.LittleEndian.Uint64(b[:])); got && !plain || !got && plain && c != '"' && c != '%' && c != '\'' {
					t.Errorf("%q: %v, want %v", b, got, plain)
				}
			}
		}
	}
}

// The pattern says the same as escapeLen, which is without package regexp since that is large.
func TestEscapeLen(t *testing.T) {
	pattern := regexp.MustCompile(`^\x1b(?:\[[ -?]*[@-~]?|\][^\x07\x1b\n]*(?:\x07|\x1b.?)|[()#%].?|.?)`)
	bytes := []byte("\x1b[](% ?@;mA~\x7f\a\\\n\xc3")
	var all func(b []byte)
	all = func(b []byte) {
		if got, want := escapeLen(b), len(pattern.Find(b)); got != want {
			t.Errorf("%q: %d, want %d", b, got, want)
		}
		if len(b) < 5 {
			for _, c := range bytes {
				all(append(b[:len(b):len(b)], c))
			}
		}
	}
	all([]byte("\x1b"))
}
