// A load generator (load-generator.ts) as a process of its own.

import type { LoadSpec } from './load.ts'
import { LoadGenerator } from './load-generator.ts'
import { answerParent } from './rpc.ts'

let load: LoadGenerator

answerParent({
  start: (argument) => {
    load = new LoadGenerator(argument as LoadSpec)
    return load.start()
  },
  stop: () => load.stop(),
  done: () => load.done(),
})
