// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

// A topic is what several commands share. It is a page of help and a section of the man
// page.
type topic struct {
	name  string
	short string // in one line
	text  string // in the form of command.text
}

var topics = []topic{
	{"machines", "how to look at other machines, with -via and -serial", targetText},
	{"statuses", "exit statuses for git bisect and kselftest, with -status", conventionText},
	{"suppressions", "the file of leaks that are known, for -suppress", suppressionsText},
	{"windows", "which test leaked, with mark, -since and -windows", momentsText},
}

func lookupTopic(name string) (topic, bool) {
	for _, t := range topics {
		if t.name == name {
			return t, true
		}
	}
	return topic{}, false
}

func topicNames() []string {
	var names []string
	for _, t := range topics {
		names = append(names, t.name)
	}
	return names
}
