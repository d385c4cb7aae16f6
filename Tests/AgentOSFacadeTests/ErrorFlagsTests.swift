// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import CAgentOS
import Glibc
import Testing

@Suite("What errors say of a second try: AOS_ERR_RETRIABLE and AOS_ERR_FATAL", .timeLimit(.minutes(10)))
struct ErrorFlagsTests {
    @Test("of a VM that is lost with its process nothing can be had again, of its handle all")
    func lostVM() throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let queue = try HostQueue()
        _ = try vm.exists("/hang", completion(AOS_DELIVER_QUEUE, queue.handle))
        let process = try #require(sidecar.processID)
        kill(process, SIGKILL)
        // Under way when it died, and after that.
        let event = try #require(queue.drain().first)
        #expect(event.status == AOS_E_SIDECAR && event.error?.flags == AOS_ERR_FATAL)
        let later = failure { _ = try vm.exists("/a") }
        #expect(later?.status == AOS_E_SIDECAR && later?.flags == AOS_ERR_FATAL)
        #expect(try sidecar.createVM().exists("/a"))
    }

    @Test("a VM that was shut down, and a handle that was disposed, are of no more use")
    func gone() throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        try vm.shutdown()
        let error = failure { _ = try vm.exists("/a") }
        #expect(error?.status == AOS_E_DISPOSED && error?.flags == AOS_ERR_FATAL)
        try sidecar.dispose()
        let second = failure { _ = try sidecar.createVM() }
        #expect(second?.status == AOS_E_DISPOSED && second?.flags == AOS_ERR_FATAL)
    }

    @Test("what is full, or took too long, may go well later; what is wrong will not")
    func others() throws {
        let vm = try HostPeer.sidecar().createVM()
        let queue = try HostQueue(capacity: 1)
        _ = try vm.exists("/hang", completion(AOS_DELIVER_QUEUE, queue.handle))
        let busy = failure { _ = try vm.exists("/a", completion(AOS_DELIVER_QUEUE, queue.handle)) }
        #expect(busy?.status == AOS_E_BUSY && busy?.flags == AOS_ERR_RETRIABLE)
        let late = failure { _ = try vm.read("/hang", limit: 50 * millisecond) }
        #expect(late?.status == AOS_E_DEADLINE && late?.flags == AOS_ERR_RETRIABLE)
        let wrong = failure { _ = try vm.exists("relative") }
        #expect(wrong?.status == AOS_E_INVALID && wrong?.flags == 0)
    }
}
