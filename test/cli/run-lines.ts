// Runs many command lines in one process, one after another, and prints what each did as JSON. It
// is started by `cliLines` where the start of a process a line would only cost time.

import { type RanLine, runLine } from './run-line.ts'

const lines = JSON.parse(process.argv[2] ?? '[]') as readonly string[]
const ran: RanLine[] = []
for (const line of lines) ran.push(await runLine(line))
process.stdout.write(JSON.stringify(ran))
