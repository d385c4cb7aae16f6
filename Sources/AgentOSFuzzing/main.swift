// SPDX-License-Identifier: Apache-2.0
FuzzCommand.run()
