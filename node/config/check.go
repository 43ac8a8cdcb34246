package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"fengsui/capture/filter"
	"fengsui/capture/zone"
)

const (
	siteDigitsMax = 24  // six tiers below the county are more than any map has
	nameRunesMax  = 64  // fits a console column
	nodeBytesMax  = 32  // goes into certificates and file names
	ifaceBytesMax = 15  // IFNAMSIZ - 1
	hostBytesMax  = 253 // RFC 1035
)

func checkNotEmpty(s string) string {
	if strings.TrimSpace(s) == "" {
		return "is empty; give a value or remove the key"
	}
	return ""
}

func checkSite(s string) string {
	for i, r := range s {
		if r < '0' || r > '9' {
			return "character " + strconv.Itoa(i+1) + " is not a digit; a site is its GB/T 2260 code, such as 440106"
		}
	}
	if len(s) < 6 || len(s)%2 != 0 || len(s) > siteDigitsMax {
		return "has " + strconv.Itoa(len(s)) + " digits; a site is its GB/T 2260 code of 6 digits, or 8, 10, … below the county, such as 440106"
	}
	if strings.HasPrefix(s, "00") {
		return "starts with 00; a site is its GB/T 2260 code, such as 440106"
	}
	return ""
}

func checkName(s string) string {
	if n := utf8.RuneCountInString(s); n > nameRunesMax {
		return "is " + strconv.Itoa(n) + " characters long; use at most " + strconv.Itoa(nameRunesMax)
	}
	for _, r := range s {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return "holds a control or broken character; use printable text"
		}
	}
	return checkNotEmpty(s)
}

func checkNode(s string) string {
	good := s != "" && len(s) <= nodeBytesMax
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
		good = good && (letter || r == '-' && i > 0)
	}
	if !good {
		return "is not a node name; use up to " + strconv.Itoa(nodeBytesMax) + " lower-case letters, digits and dashes, such as n1"
	}
	return ""
}

func checkInterface(s string) string {
	if s == "" || len(s) > ifaceBytesMax || strings.ContainsAny(s, "/ \t\n") {
		return "is not an interface name; `ip -brief link` lists those of this machine"
	}
	return ""
}

// checkFilter accepts a tcpdump expression.
func checkFilter(s string) string {
	if _, err := filter.Parse(s); err != nil {
		var e *filter.Error
		if errors.As(err, &e) {
			return fmt.Sprintf("is no filter: column %d: %s", e.Offset+1, e.Reason)
		}
		return "is no filter: " + err.Error()
	}
	return checkNotEmpty(s)
}

// checkMember accepts a network, vlan:N or vni:N.
func checkMember(s string) string {
	var z zone.Zone
	if why := z.Member(s); why != "" {
		return "is no member of a zone: " + why
	}
	return ""
}

// oneOf accepts exactly the listed words.
func oneOf(words ...string) func(string) string {
	return func(s string) string {
		for _, w := range words {
			if s == w {
				return ""
			}
		}
		return "is not one of " + strings.Join(words, ", ")
	}
}

// checkListen accepts IP:port; port 0 lets the system choose, which tests and the demo use.
func checkListen(s string) string {
	if _, err := netip.ParseAddrPort(s); err != nil {
		return "is not an address to listen at; write IP:port, such as 0.0.0.0:7400 or [::]:7400"
	}
	return ""
}

// checkMetrics accepts IP:port, and nothing at all, which means not served.
func checkMetrics(s string) string {
	if s == "" {
		return ""
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil || !goodPort(port, true) || host != "" && net.ParseIP(host) == nil && host != "localhost" {
		return "is not an address to listen at; write IP:port, such as 127.0.0.1:9440"
	}
	return ""
}

// checkReachable accepts host:port that another machine could send to.
func checkReachable(s string) string {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" || len(host) > hostBytesMax || strings.ContainsAny(host, " /\t\n") || !goodPort(port, false) {
		return "is not an address to send to; write host:port, such as 10.20.0.11:7400"
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		return "is every address of a machine, which nobody can send to; write the one address others reach"
	}
	return ""
}

func goodPort(s string, zero bool) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && (n > 0 || zero)
}
