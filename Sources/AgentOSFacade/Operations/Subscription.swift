// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
internal import CAgentOS

/// An operation that tells what happens to a sidecar, until it is disposed or the operation cancelled.
enum Subscription {
    static func begin(_ operation: Operation, wantsLoss: Bool) {
        let client = operation.sidecar.client
        let observer = client.observe { event in
            switch event {
            case .processLost(let error):
                guard wantsLoss else { return }
                var record = EventRecord(AOS_EV_PROCESS_LOST)
                record.error = ErrorObject(error)
                operation.emit(record)
            case .closed:
                operation.complete(EventRecord(AOS_EV_CLOSED))
                // Ends the waiting for a cancel.
                operation.run.interrupt(.cancelled)
            }
        }
        // Nothing to do but to wait for the cancel.
        Steps<Void>.untilInterrupted.run(operation.run) { result in
            guard client.stopObserving(observer), case .failure(let error) = result else { return }
            operation.complete(.failed(error))
        }
    }
}
