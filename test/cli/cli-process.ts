// A command line that stays: a process that runs the lines it is sent, one after another, through
// the same `main` as `vertex`, and tells what each did. Many lines then cost one start.

import { runLine } from './run-line.ts'

let last: Promise<void> = Promise.resolve()

process.on('message', (line: string) => {
  last = last.then(async () => {
    const ran = await runLine(line)
    process.send?.(ran)
  })
})
