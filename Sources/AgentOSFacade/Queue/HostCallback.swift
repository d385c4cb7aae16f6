// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import CAgentOS
internal import Synchronization

/// A function of the host, its `user_data`, and the word that it is not needed any more.
///
/// `@unchecked Sendable`: the host promises that its function and data may be used from the threads that it
/// chose; nothing here changes after `init` but the atomic flag.
final class HostCallback: @unchecked Sendable {
    private let function: aos_event_fn?
    private let shapedFunction: aos_any_fn?
    private let shapeText: String?
    private let dropFunction: aos_drop_fn?
    private let userData: UnsafeMutableRawPointer?
    private let isDropped: Atomic<Bool> = Atomic(false)
    private let interface: CallInterface?
    private let shapeError: ClientError?

    init(_ completion: aos_completion) {
        function = completion.fn
        shapedFunction = completion.shaped_fn
        shapeText = completion.shape.map { String(cString: $0) }
        dropFunction = completion.drop
        userData = completion.user_data
        var interface: CallInterface?
        var shapeError: ClientError?
        if let text = shapeText, shapedFunction != nil {
            do throws(ClientError) { interface = try CallInterface.of(try Shape(text)) } catch {
                shapeError = error
            }
        }
        self.interface = interface
        self.shapeError = shapeError
    }

    /// One function, with a shape exactly if it needs one.
    func check() throws(ClientError) {
        if let shapeError { throw shapeError }
        switch (function != nil, shapedFunction != nil, shapeText != nil) {
        case (true, false, false), (false, true, true): break
        case (false, false, _): throw .invalid("completion: fn, or shaped_fn with shape, must not be NULL")
        case (true, true, _): throw .invalid("completion: fn and shaped_fn are both set")
        case (true, false, true): throw .invalid("completion.shape: it needs shaped_fn instead of fn")
        case (false, true, false): throw .invalid("completion.shape: must not be NULL with shaped_fn")
        }
    }

    /// Calls the host. The event is borrowed for the call.
    func call(_ event: inout aos_event) {
        if let function { return function(userData, &event) }
        if let shapedFunction, let interface { interface.call(shapedFunction, userData, &event) }
    }

    /// Exactly once, however often it is asked for.
    func drop() {
        guard !isDropped.exchange(true, ordering: .acquiringAndReleasing) else { return }
        dropFunction?(userData)
    }
}
