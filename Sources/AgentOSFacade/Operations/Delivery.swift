// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import CAgentOS

/// How the events of an operation reach the host.
enum Delivery: Sendable {
    case wait
    case queue(EventQueue)
    case call(EventQueue, HostCallback)
    case thread(HostCallback)
    case none
}

/// What a completion says, checked. A refusal still runs the host's `drop`.
struct Submission: Sendable {
    var delivery: Delivery
    var tag: UInt64 = 0
    var deadline: UInt64 = 0

    init(_ completion: UnsafePointer<aos_completion>?) throws(ClientError) {
        guard let given = completion?.pointee else {
            delivery = .wait
            return
        }
        let size = MemoryLayout<aos_completion>.size
        guard given.struct_size >= size else {
            throw .invalid("completion.struct_size: expected \(size) or more, found \(given.struct_size)")
        }
        do throws(ClientError) {
            delivery = try Self.delivery(given)
        } catch {
            given.drop?(given.user_data)
            throw error
        }
        tag = given.tag
        deadline = given.deadline_ns
    }

    private static func delivery(_ given: aos_completion) throws(ClientError) -> Delivery {
        switch given.deliver {
        case AOS_DELIVER_WAIT, AOS_DELIVER_QUEUE, AOS_DELIVER_NONE:
            if given.fn != nil || given.shaped_fn != nil || given.shape != nil || given.drop != nil
                || given.user_data != nil
            {
                throw .invalid(
                    "completion: fn, shaped_fn, shape, drop and user_data are for CALL and THREAD only"
                )
            }
            if given.deliver == AOS_DELIVER_QUEUE { return .queue(try Handles.queue(given.queue)) }
            return given.deliver == AOS_DELIVER_WAIT ? .wait : .none
        case AOS_DELIVER_CALL, AOS_DELIVER_THREAD:
            let callback = HostCallback(given)
            try callback.check()
            return given.deliver == AOS_DELIVER_CALL
                ? .call(try Handles.queue(given.queue), callback) : .thread(callback)
        default:
            throw .invalid("completion.deliver: expected one of AOS_DELIVER_*, found \(given.deliver)")
        }
    }

    /// Ends a submission that came to nothing.
    func refuse() {
        switch delivery {
        case .call(_, let callback), .thread(let callback): callback.drop()
        case .wait, .queue, .none: break
        }
    }
}
