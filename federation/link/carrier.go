package link

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/quic-go/quic-go"

	"fengsui/gmcrypto"
)

// alpn names the protocol and its version inside the carrier's TLS.
const alpn = "fengsui/1"

// exporterLabel and exporterBytes define the channel binding (RFC 5705 exporter, used as in RFC 9266).
const (
	exporterLabel = "EXPORTER-fengsui-channel"
	exporterBytes = 32
)

// Labels of the keys derived from the node key. Both keys must outlive a restart: the first so that peers recognise
// resets of their old connections, the second so that address proofs given out before it stay good.
const (
	resetKeyLabel = "fengsui link stateless reset v1"
	tokenKeyLabel = "fengsui link retry token v1"
)

// carrierTLS makes the TLS configurations of the carrier. The certificate is ephemeral and says nothing; who the peer
// is comes from the channel inside, which is bound to this TLS session by its exporter.
func carrierTLS() (server, client *tls.Config, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("carrier key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "carrier"},
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, fmt.Errorf("carrier certificate: %w", err)
	}
	server = &tls.Config{
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{alpn},
		Certificates:           []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		SessionTicketsDisabled: true,
		// Classical curves only: the carrier is not what secrecy rests on, and the first flight stays one packet.
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256},
	}
	client = &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{alpn},
		InsecureSkipVerify: true, // deliberate: see above
		CurvePreferences:   server.CurvePreferences,
	}
	return server, client, nil
}

// carrierConfig makes the QUIC configuration, the same for listening and dialling.
func carrierConfig() *quic.Config {
	return &quic.Config{
		HandshakeIdleTimeout:           carrierIdleTimeout,
		MaxIdleTimeout:                 idleTimeout,
		KeepAlivePeriod:                keepAlivePeriod,
		InitialStreamReceiveWindow:     streamWindowBytes,
		MaxStreamReceiveWindow:         streamWindowMaxBytes,
		InitialConnectionReceiveWindow: connWindowBytes,
		MaxConnectionReceiveWindow:     connWindowMaxBytes,
		AllowConnectionWindowIncrease:  func(q *quic.Conn, _ uint64) bool { return slotOf(q).authenticated.Load() },
		MaxIncomingStreams:             peerStreamsMax,
		MaxIncomingUniStreams:          -1,
		RequireStreamCreditRelease:     true, // given back when the handler has returned, not when the peer resets
		EnableDatagrams:                true,
	}
}

// derivedKey gives one of the persistent carrier keys. SM2 signatures are randomised, so the key's own encoding is the
// only thing about it that is both secret and the same after a restart.
func derivedKey(key *gmcrypto.PrivateKey, label string) (out [32]byte, err error) {
	secret, err := gmcrypto.MarshalKey(key, nil)
	if err != nil {
		return out, fmt.Errorf("derive %s: %w", label, err)
	}
	copy(out[:], gmcrypto.HKDFSM3(secret, nil, label, len(out)))
	clear(secret)
	return out, nil
}

// bindingOf gives the channel binding of a carrier connection.
func bindingOf(q *quic.Conn) ([]byte, error) {
	state := q.ConnectionState().TLS
	binding, err := state.ExportKeyingMaterial(exporterLabel, nil, exporterBytes)
	if err != nil {
		return nil, fmt.Errorf("carrier exporter: %w", err)
	}
	return binding, nil
}

// addrPortOf gives the IP address and port of a packet address, with IPv4-in-IPv6 unmapped; the zero value if it has none.
func addrPortOf(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	if u, ok := a.(*net.UDPAddr); ok {
		ap = u.AddrPort()
	} else if p, err := netip.ParseAddrPort(a.String()); err == nil {
		ap = p
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// resolve turns host:port into a UDP address. Literal addresses do not touch the resolver.
func (t *Transport) resolve(ctx context.Context, addr string) (*net.UDPAddr, error) {
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		return net.UDPAddrFromAddrPort(ap), nil
	}
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", addr, err)
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("address %q: port: %w", addr, err)
	}
	lookup := t.cfg.Resolve
	if lookup == nil {
		lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	ips, err := lookup(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("resolve %q: %w", host, err)
	}
	if len(ips) == 0 {
		return nil, fmt.Errorf("resolve %q: no address", host)
	}
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(ips[0].Unmap(), uint16(port))), nil
}
