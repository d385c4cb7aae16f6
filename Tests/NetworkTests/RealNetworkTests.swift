// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

/// Servers on the real sidecar (sidecar/processes-network-callbacks.md 9). One test after the other: each
/// starts a sidecar that uses all processors.
@Suite(
    "Servers on the real sidecar",
    .serialized,
    .enabled(if: RealSidecar.isThere),
    .timeLimit(.minutes(10))
)
struct RealNetworkTests {
    private static let port: UInt32 = 3000

    /// R3, with what the cases need besides.
    private static let server = """
        const http = require('http');
        http.createServer(async (q, r) => {
          if (q.url.startsWith('/wait')) await new Promise(f => setTimeout(f, +q.url.split('=')[1]));
          if (q.url === '/never') await new Promise(() => {});
          if (q.url === '/bytes') return r.end(Buffer.from([0x00, 0xff, 0x80, 0x41]));
          if (q.url === '/none') { r.statusCode = 204; return r.end(); }
          if (q.url === '/missing') { r.statusCode = 404; return r.end('no such page'); }
          if (q.url === '/cookies') { r.setHeader('Set-Cookie', ['a=1', 'b=2']); return r.end(); }
          if (q.url.startsWith('/size')) return r.end('x'.repeat(+q.url.split('=')[1]));
          if (q.url === '/echo') {
            let body = '';
            q.on('data', c => body += c);
            q.on('end', () => r.end(JSON.stringify([q.method, q.headers, body])));
            return;
          }
          r.end('done ' + q.url) }).listen(3000, () => console.log('up'))
        """

    private static func url(_ text: String) -> JSONValue {
        .members(["url": .string(text), "waitForListenerMs": .integer(20_000)])
    }

    /// A VM of its own in which the server runs.
    private static func withServer(_ body: (HostVM, HostProcess) throws -> Void) throws {
        let vm = try RealSidecar.sidecar().createVM()
        try vm.write("/tmp/p.js", server)
        let process = try vm.spawn(["node", "/tmp/p.js"])
        try body(vm, process)
    }

    @Test("case 28: a page, a slow page, and a port where nobody listens")
    func pages() throws {
        try Self.withServer { vm, _ throws in
            let page = try vm.fetch(Self.port, Self.url("/a"))
            #expect(page.status == 200 && page.text == "done /a")
            #expect(page.head["statusText"] == .string("OK"))
            let start = ContinuousClock.now
            let slow = try vm.fetch(Self.port, Self.url("/wait=1200"))
            #expect(slow.status == 200 && slow.text == "done /wait=1200")
            #expect(ContinuousClock.now - start > .milliseconds(1150))
            let error = failure { _ = try vm.fetch(9) }
            #expect(error?.status == AOS_E_REMOTE && error?.kind == "fetch_no_listener")
            #expect(error?.message == "vm.fetch could not find a guest HTTP listener on port 9")
            #expect(vm.isAlive)
        }
    }

    @Test("a body and headers as the program sees them")
    func request() throws {
        try Self.withServer { vm, _ throws in
            let request = JSONValue.members([
                "url": .string("/echo"), "method": .string("post"), "waitForListenerMs": .integer(20_000),
                "headers": .array([
                    .array([.string("X-A"), .string("1")]), .array([.string("x-a"), .string("2")]),
                    .array([.string("Host"), .string("mine")]),
                ]),
            ])
            let response = try vm.fetch(Self.port, request, body: Array("héllo".utf8))
            let echo = try JSONReader.parse(response.text)
            #expect(
                echo
                    == .array([
                        .string("POST"),
                        .members([
                            "x-a": .string("1, 2"), "host": .string("mine"), "content-length": .string("6"),
                        ]),
                        .string("héllo"),
                    ])
            )
        }
    }

    @Test("case 29: a page that never comes is `fetch_timeout` after 30 s, and the next one comes")
    func never() throws {
        try Self.withServer { vm, _ throws in
            #expect(try vm.fetch(Self.port, Self.url("/a")).text == "done /a")
            let start = ContinuousClock.now
            let error = failure { _ = try vm.fetch(Self.port, Self.url("/never"), limit: 40 * second) }
            let passed = ContinuousClock.now - start
            #expect(error?.status == AOS_E_REMOTE && error?.kind == "fetch_timeout")
            #expect(passed > .seconds(29) && passed < .seconds(35), "\(passed)")
            #expect(try vm.fetch(Self.port, Self.url("/a")).text == "done /a")
        }
    }

    @Test("case 30: bytes, statuses and cookies as they were sent")
    func answers() throws {
        try Self.withServer { vm, _ throws in
            #expect(try vm.fetch(Self.port, Self.url("/bytes")).body == [0x00, 0xFF, 0x80, 0x41])
            let none = try vm.fetch(Self.port, Self.url("/none"))
            #expect(none.status == 204 && none.body == [])
            let missing = try vm.fetch(Self.port, Self.url("/missing"))
            #expect(missing.status == 404 && missing.text == "no such page")
            let cookies = try vm.fetch(Self.port, Self.url("/cookies"))
            #expect(cookies.status == 200 && cookies.values(of: "set-cookie") == ["a=1", "b=2"])
        }
    }

    @Test("case 31: an answer of 786,000 bytes passes, and one of 800,000 loses the sidecar")
    func size() throws {
        try Self.withServer { vm, process throws in
            let large = try vm.fetch(Self.port, Self.url("/size=786000"))
            #expect(large.body == [UInt8](repeating: 0x78, count: 786_000))
            let start = ContinuousClock.now
            let error = failure { _ = try vm.fetch(Self.port, Self.url("/size=800000")) }
            #expect(ContinuousClock.now - start < .seconds(2))
            #expect(error?.status == AOS_E_SIDECAR && error?.kind == "sidecar")
            let texts = "\(error?.message ?? "") \(error?.detail["stderr"]?.stringValue ?? "")"
            #expect(texts.contains("protocol frame is"), "\(texts)")
            let lost = failure { _ = try process.wait() }
            #expect(lost?.status == AOS_E_SIDECAR, "the server went with it, and has no exit code")
            #expect(try vm.sidecar.createVM().isAlive, "a new process serves the handle")
        }
    }

    @Test("case 32: 100 fetches one after the other under 2 s, and five at once")
    func many() throws {
        try Self.withServer { vm, _ throws in
            _ = try vm.fetch(Self.port, Self.url("/up"))
            let start = ContinuousClock.now
            for index in 0..<100 {
                #expect(try vm.fetch(Self.port, Self.url("/\(index)")).text == "done /\(index)")
            }
            #expect(ContinuousClock.now - start < .seconds(2))
            let ops = try (0..<5).map { try vm.submitFetch(Self.port, Self.url("/at-once-\($0)")) }
            for (index, op) in ops.enumerated() {
                let events = try vm.sidecar.events(of: op)
                #expect(events.first?.text == "done /at-once-\(index)")
                #expect(events.last?.status == AOS_OK && events.last?.value == 200)
            }
        }
    }

    @Test("find_listener: a `net` server of node is found, with the id of its process")
    func listener() throws {
        let vm = try RealSidecar.sidecar().createVM()
        #expect(try vm.findListener() == .null)
        let code = "require('net').createServer(() => {}).listen(4000, '127.0.0.1', () => console.log('up'))"
        let process = try vm.spawn(["node", "-e", code])
        let waited = try vm.waitForListener(.members(["port": .integer(4000)]), process: process.id)
        #expect(waited["id"] == .number(process.id) && waited["port"] == .integer(4000))
        for host in ["127.0.0.1", "localhost", "0.0.0.0"] {
            let found = try vm.findListener(.members(["host": .string(host), "port": .integer(4000)]))
            #expect(found == waited, "\(host)")
        }
        #expect(waited["host"] == .string("127.0.0.1") && waited["pid"] == .integer(1_000_000))
        #expect(try vm.findListener(.members(["port": .integer(4001)])) == .null)
        // A raw server serves no HTTP that a fetch could reach.
        #expect(failure { _ = try vm.fetch(4000) }?.kind == "fetch_no_listener")
        try process.kill("KILL")
        _ = try process.wait()
        #expect(try vm.findListener(.members(["port": .integer(4000)])) == .null)
    }

    @Test("find_udp: a bound socket is found, with the id of its process; a listener is none")
    func datagrams() throws {
        let vm = try RealSidecar.sidecar().createVM()
        let code = """
            require('dgram').createSocket('udp4').bind(4100, '127.0.0.1', () => console.log('up'));
            setInterval(() => {}, 1000)
            """
        let process = try vm.spawn(["node", "-e", code])
        _ = try process.waitForOutput("up")
        let socket = try vm.findUDP(.members(["port": .integer(4100)]))
        #expect(socket["id"] == .number(process.id) && socket["host"] == .string("127.0.0.1"))
        #expect(try vm.findListener(.members(["port": .integer(4100)])) == .null)
        #expect(try vm.findUDP(.members(["port": .integer(4101)])) == .null)
    }

    @Test("where looking at the network is denied, that is EACCES and not null")
    func denied() throws {
        let permissions = JSONValue.members([
            "fs": .string("allow"), "process": .string("allow"), "env": .string("allow"),
            "childProcess": .string("allow"), "network": .string("deny"),
        ])
        let vm = try RealSidecar.sidecar().createVM(.members(["permissions": permissions]))
        let error = failure { _ = try vm.findListener(.members(["port": .integer(4000)])) }
        #expect(error?.status == AOS_E_REMOTE && error?.errno == "EACCES", "\(String(describing: error))")
        #expect(
            error?.message == "EACCES: permission denied, tcp://*:4000: blocked by network.inspect policy"
        )
    }
}
