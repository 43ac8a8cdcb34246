// Package rfb reads the beginning of remote framebuffer sessions, VNC (RFC 6143): versions, security type, its result, the
// desktop's name and size. One transaction a flow.
//
// What follows ServerInit (pictures, key strokes) is passed over. A security type other than None and VNC authentication
// changes the bytes that follow in its own way, so the session is not followed further; its type is told.
//
// Limits: 32 security types, 255 bytes of reason, 255 bytes of name. A gap ends reading. Recognition: the server's version
// line. Concurrency: a parser belongs to the worker of its flow.
package rfb
