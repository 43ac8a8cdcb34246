// Package governor keeps a probe within what the machine it runs on can spare: LD/T allows a collected host to lose 5 %
// of its memory and 10 % of its bandwidth to collection (L-6.1-b3, L-5.1-g), and its owner decides about the processor.
//
// It owns the measurement (processor time and resident memory of this process, against the machine or its cgroup), the
// load level that follows from it, the soft memory limit of the Go runtime, and the token bucket for bytes that go
// upward. It does not shed anything itself: whoever inspects packets asks for the level (Level) and sheds in the declared
// order.
//
// # Levels
//
// 0 is full inspection, 6 the least; what each leaves out is the pipeline's (capture/pipeline): first ever less depth of
// payload, then flows of low priority, then all but the beginning of every flow.
//
// The level rises by one when a second's use is above the limit twice in a row, and falls by one after ten seconds below
// four fifths of it: it must not swing with every burst. Memory above its limit raises it too, and asks the runtime to
// give back what it holds. All changes are counted.
//
// # Limits
//
// The bucket holds one second of its rate, at least 16 KiB, so that one batch can pass.
//
// Concurrency: Run belongs to one goroutine; everything else may be called by any.
package governor
