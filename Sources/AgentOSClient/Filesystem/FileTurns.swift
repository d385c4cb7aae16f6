// SPDX-License-Identifier: Apache-2.0

/// Calls on files beside each other.
///
/// A call asks what is there and then does something about it. What another call does in between could make that
/// something end the sidecar, or take two ideas of one file into its copies: a file that comes by a rename to where
/// one is being removed, for instance. So what removes, moves, links or enlarges files has its turn alone, a path at a
/// time where it goes through a tree. With file guards off there are no questions, and no turns.
extension VM {
    /// A named call of the caller's, in its turn.
    @_semantics("optimize.sil.specialize.generic.never")
    func inTurn<Output>(
        _ turn: TurnQueue.Turn,
        _ operation: String,
        path: String,
        _ body: @escaping @Sendable () throws(ClientError) -> Steps<Output>
    ) -> Steps<Output> {
        Steps<Output>.operation(operation, path: path) { [self] () throws(ClientError) in
            guard guardsFiles else { return try body() }
            // Of a VM that is gone nothing is waited for.
            try check()
            return turns.run(turn, Steps<Output>.begin(body))
        }
    }

    /// A part of a call. Not inside another turn.
    @_semantics("optimize.sil.specialize.generic.never")
    func inTurn<Output>(_ turn: TurnQueue.Turn, _ steps: Steps<Output>) -> Steps<Output> {
        guardsFiles ? turns.run(turn, steps) : steps
    }
}
