// SPDX-License-Identifier: Apache-2.0

/// A rule's actions on their way, so that they can stop at a delay and go on later.
final class ActionRun {
    private struct Round {
        let actions: [ScriptAction]
        var next: Int = 0
        var counter: Int?
        var rounds: Int = 1
    }

    let context: RequestContext
    /// What waits for `flush`; nil when nothing is held.
    var held: [UInt8]?
    private var open: [Round]

    init(_ actions: [ScriptAction], _ context: RequestContext) {
        self.context = context
        open = [Round(actions: actions)]
    }

    var names: Placeholders {
        Placeholders(context: context, counter: open.last { $0.counter != nil }?.counter)
    }

    func enter(_ actions: [ScriptAction], rounds: Int) {
        if rounds > 0, !actions.isEmpty { open.append(Round(actions: actions, counter: 1, rounds: rounds)) }
    }

    /// The action to run now; nil at the end.
    func next() -> ScriptAction? {
        while let last = open.indices.last {
            let position = open[last].next
            if position < open[last].actions.count {
                open[last].next += 1
                return open[last].actions[position]
            }
            guard let counter = open[last].counter, counter < open[last].rounds else {
                open.removeLast()
                continue
            }
            open[last].counter = counter + 1
            open[last].next = 0
        }
        return nil
    }
}
