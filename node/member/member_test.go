package member

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"

	"fengsui/gmcrypto/identity"
)

func ask(t *testing.T, h *Handler, peer identity.Peer, f func(net.Conn) error) error {
	t.Helper()
	a, b := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- h.Serve(t.Context(), b, peer) }()
	err := f(a)
	_ = a.Close()
	<-served
	return err
}

func TestJoin(t *testing.T) {
	peer := identity.Peer{Site: "440106", Node: "n2"}
	var answer error
	var got string
	h := &Handler{Join: func(_ context.Context, node, addr string) error { got = node + "@" + addr; return answer }}
	join := func(node, addr string) error {
		return ask(t, h, peer, func(c net.Conn) error { return Join(t.Context(), c, node, addr) })
	}
	if err := join("n2", "127.0.0.1:7400"); err != nil || got != "n2@127.0.0.1:7400" {
		t.Fatalf("%v, %s", err, got)
	}
	if err := join("n1", "127.0.0.1:7400"); !errors.Is(err, ErrRefused) {
		t.Errorf("another's name: %v", err)
	}
	if err := join("n2", "nowhere"); !errors.Is(err, ErrRefused) {
		t.Errorf("odd address: %v", err)
	}
	answer = errors.New("busy")
	if err := join("n2", "127.0.0.1:7400"); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("to be tried again: %v", err)
	}
	answer = ErrRefused
	if err := join("n2", "127.0.0.1:7400"); !errors.Is(err, ErrRefused) {
		t.Errorf("refused: %v", err)
	}
}

func TestUnknownOperation(t *testing.T) {
	err := ask(t, &Handler{}, identity.Peer{}, func(c net.Conn) error {
		if err := writeFrame(c, request{Op: "dance"}); err != nil {
			return err
		}
		var r reply
		err := readFrame(c, &r)
		if r.Code != codeRefused {
			t.Errorf("%+v", r)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func FuzzReadFrame(f *testing.F) {
	var b bytes.Buffer
	if err := writeFrame(&b, request{Op: opJoin, Node: "n1", Addr: "127.0.0.1:1"}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(_ *testing.T, b []byte) {
		var r request
		_ = readFrame(bytes.NewReader(b), &r)
	})
}
