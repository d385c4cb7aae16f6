// SPDX-License-Identifier: Apache-2.0
package import AgentOSSystem
internal import CAgentOSShims
internal import Glibc

/// A child process of ours: started, watched, signalled while it is ours to signal, always reaped.
package final class ChildProcess: ReactorSource {
    private struct State: Sendable {
        var exit: ChildExit?
        var observer: (@Sendable (ChildExit) -> Void)?
        var watch: UInt64?
    }

    /// Where the kernel has no process descriptors the child is looked after at this interval.
    private static let pollNanoseconds: UInt64 = 20_000_000

    package let processID: Int32
    private let descriptor: OwnedDescriptor?
    private let state: Lock<State> = Lock(State())

    private init(processID: Int32, descriptor: OwnedDescriptor?) {
        self.processID = processID
        self.descriptor = descriptor
    }

    /// Starts the program with three descriptors and nothing else of ours. posix_spawn(3)
    package static func start(
        _ request: SpawnRequest,
        input: OwnedDescriptor,
        output: OwnedDescriptor,
        error: OwnedDescriptor
    ) throws(SpawnError) -> ChildProcess {
        let file = try ProgramSearch.resolve(request)
        var pid: pid_t = 0
        var pidfd: Int32 = -1
        let standard: [Int32] = [input.number, output.number, error.number]
        let number = withCStrings([file] + request.command.dropFirst()) { arguments in
            withCStrings(environment(adding: request.environment)) { environment in
                aos_shim_spawn(arguments, environment, request.directory, standard, &pid, &pidfd)
            }
        }
        guard number == 0 else { throw ProgramSearch.failure(request, errorNumber: number) }
        return ChildProcess(processID: pid, descriptor: pidfd >= 0 ? OwnedDescriptor(pidfd) : nil)
    }

    private static func environment(adding added: [(name: String, value: String)]) -> [String] {
        var result: [String] = []
        var next = aos_shim_environment()
        while let entry = next?.pointee {
            let text = String(cString: entry)
            let name = text.prefix { $0 != "=" }
            if !added.contains(where: { $0.name == name }) { result.append(text) }
            next = next?.advanced(by: 1)
        }
        return result + added.map { "\($0.name)=\($0.value)" }
    }

    private static func withCStrings<Result>(
        _ strings: [String],
        _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>?) -> Result
    ) -> Result {
        var pointers = strings.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        pointers.append(nil)
        return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
    }

    /// Calls `observer` on the I/O thread when the child has ended and is reaped, also if it has ended
    /// already.
    package func observeExit(_ observer: @escaping @Sendable (ChildExit) -> Void) {
        state.withLock { $0.observer = observer }
        if let descriptor, let watch = try? Reactor.current.add(descriptor.number, .readable, self) {
            let ended = state.withLock { state in
                state.watch = watch
                return state.exit != nil
            }
            if ended { Reactor.current.remove(watch) }
        } else {
            poll()
        }
    }

    package var exit: ChildExit? { state.withLock { $0.exit } }

    /// Signals the child unless it is reaped: a recycled process id is never hit. kill(2)
    package func signal(_ number: Int32) {
        guard exit == nil else { return }
        _ = aos_shim_kill(processID, descriptor?.number ?? -1, number)
    }

    package func descriptorReady(readable: Bool, writable: Bool) { reap() }

    private func poll() {
        if reap() { return }
        _ = Reactor.current.schedule(.now.adding(Self.pollNanoseconds)) { [self] in poll() }
    }

    @discardableResult
    private func reap() -> Bool {
        guard exit == nil else { return true }
        var code: Int32 = 0
        var signal: Int32 = 0
        let found: ChildExit
        switch aos_shim_reap(processID, &code, &signal) {
        case 0: return false
        case 1: found = signal == 0 ? .code(code) : .signal(signal)
        default: found = .unknown
        }
        let (observer, watch) = state.withLock { state in
            state.exit = found
            defer { (state.observer, state.watch) = (nil, nil) }
            return (state.observer, state.watch)
        }
        if let watch { Reactor.current.remove(watch) }
        observer?(found)
        return true
    }
}
