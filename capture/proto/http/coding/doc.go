// Package coding undoes content codings of HTTP bodies and WebSocket messages as bytes come: gzip, deflate (zlib or bare),
// brotli and zstd. A body is decoded while it arrives, so its beginning can be judged before its end is there, and its
// digest covers all of it however large it is.
//
// DEFLATE is decoded by a decoder of our own, Inflater, because the standard library's cannot stop in the middle of its
// input and go on when more has come. Checksums at the end are not verified: receivers of such files do not care either.
// lzma is not undone (nor is it by browsers); such a body is shown as it is sent.
//
// # Limits
//
// A decoder of DEFLATE takes 100 KiB, one of brotli up to the window the stream asks for (16 MiB at most), one of zstd
// 8 MiB. Output stops at Limits.OutputBytesMax, and when it is a bomb: more than BombBytes and RatioMax times the input.
//
// Concurrency: a decoder belongs to the worker of its flow.
package coding
