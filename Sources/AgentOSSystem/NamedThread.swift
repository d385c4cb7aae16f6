// SPDX-License-Identifier: Apache-2.0
internal import CAgentOSShims

/// Starts threads of our own: named, detached, every signal blocked.
///
/// Never Swift's cooperative pool: its threads leave SIGPIPE unblocked, and their number is not ours.
package enum NamedThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts `body` on a new thread. Fails with `EAGAIN` or `ENOMEM` where the system has no room for one.
    package static func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let retained = Unmanaged.passRetained(Body(body))
        let error = aos_shim_thread_start(
            name,
            { context in
                guard let pointer = UnsafeRawPointer(bitPattern: context) else { return }
                Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run()
            },
            UInt(bitPattern: retained.toOpaque())
        )
        guard error == 0 else {
            retained.release()
            throw SystemError(error)
        }
    }
}

/// What the calling thread is doing for the library, so that a call that would wait for itself is refused.
package enum ThreadRole {
    /// True while this thread reads frames: it must never wait for one.
    package static var isReader: Bool { aos_shim_thread_role() & AOS_SHIM_ROLE_READER != 0 }

    /// The subject of the host callback that this thread is inside, or nil outside any.
    package static var callbackSubject: UInt64? {
        aos_shim_thread_role() & AOS_SHIM_ROLE_CALLBACK != 0 ? aos_shim_thread_subject() : nil
    }

    package static func asReader<Result>(_ body: () -> Result) -> Result {
        withRole(AOS_SHIM_ROLE_READER, subject: aos_shim_thread_subject(), body)
    }

    package static func insideCallback<Result>(of subject: UInt64, _ body: () -> Result) -> Result {
        withRole(AOS_SHIM_ROLE_CALLBACK, subject: subject, body)
    }

    private static func withRole<Result>(_ role: UInt32, subject: UInt64, _ body: () -> Result) -> Result {
        let before = (aos_shim_thread_role(), aos_shim_thread_subject())
        aos_shim_thread_set_role(before.0 | role, subject)
        defer { aos_shim_thread_set_role(before.0, before.1) }
        return body()
    }
}
