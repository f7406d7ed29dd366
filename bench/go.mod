module github.com/kmemleak/kmemleak/bench

go 1.26.0

require github.com/kmemleak/kmemleak v0.0.0

require (
	github.com/ianlancetaylor/demangle v0.0.0-20260724033716-83e58baca724 // indirect
	github.com/klauspost/compress v1.20.4 // indirect
	github.com/ulikunitz/xz v0.5.17 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/kmemleak/kmemleak => ../
