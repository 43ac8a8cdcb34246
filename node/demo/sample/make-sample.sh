#!/bin/sh
# Makes county.pcap.gz: real traffic from real stacks (Linux TCP/UDP, Python's HTTP and TLS) between two network namespaces,
# captured with tcpdump. "inside" is a county's offices and web servers (10.106.0.0/16), "outside" the rest of the world
# (documentation addresses only). Every name ends in .example or .test. Needs root, iproute2, tcpdump, python3, openssl.
# Run it only when the traffic itself should change: the result is committed and its manifest with it.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
in=fs-inside-$$
out=fs-outside-$$
cleanup() {
	ip netns pids "$in" 2>/dev/null | xargs -r kill 2>/dev/null || true
	ip netns pids "$out" 2>/dev/null | xargs -r kill 2>/dev/null || true
	ip netns del "$in" 2>/dev/null || true
	ip netns del "$out" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT INT TERM

ip netns add "$in"
ip netns add "$out"
ip link add name county netns "$in" type veth peer name world netns "$out"
ip -n "$in" addr add 10.106.0.1/16 dev county
for net in 198.51.100 203.0.113 192.0.2; do ip -n "$out" addr add "$net.1/24" dev world; done
for ns in "$in" "$out"; do ip -n "$ns" link set lo up; done
# Without offloads the capture holds packets as they would be on a wire: whole checksums, at most one MTU.
ip netns exec "$in" python3 traffic.py offloads county
ip netns exec "$out" python3 traffic.py offloads world
ip -n "$in" link set county up
ip -n "$out" link set world up
ip -n "$in" route add default dev county
ip -n "$out" route add default dev world
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=service.example" \
	-keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null

ip netns exec "$in" tcpdump -i county -s 0 -B 16384 -U -w "$work/county.pcap" 'ip' 2>"$work/tcpdump.log" &
tcpdump=$!
touch "$work/tcpdump.log"
while ! grep -q 'listening on' "$work/tcpdump.log"; do kill -0 "$tcpdump"; sleep 0.1; done
ip netns exec "$out" python3 traffic.py outside "$work" &
outside=$!
ip netns exec "$in" python3 traffic.py inside "$work" &
inside=$!
wait "$outside" "$inside"
sleep 0.5
kill "$tcpdump"
wait "$tcpdump" || true
gzip -9 -n -c "$work/county.pcap" >county.pcap.gz
grep packets "$work/tcpdump.log" >&2
ls -l county.pcap.gz >&2
