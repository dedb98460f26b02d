// Runs many command lines in one process, one after another, and prints what each did as JSON. It
// is started by `cliLines` where the start of a process a line would only cost time.

import { main } from '../../src/cli/main.ts'

const lines = JSON.parse(process.argv[2] ?? '[]') as readonly string[]
const ran: { code: unknown; stdout: string; stderr: string }[] = []
const real = {
  stdout: process.stdout.write.bind(process.stdout),
  stderr: process.stderr.write.bind(process.stderr),
}

for (const line of lines) {
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    process[name].write = (text: string | Uint8Array) => {
      said[name] += String(text)
      return true
    }
  }
  process.exitCode = undefined
  await main(line.split(' ').filter((word) => word !== ''))
  process.stdout.write = real.stdout
  process.stderr.write = real.stderr
  process.stdout.removeAllListeners('error')
  ran.push({ code: process.exitCode ?? 0, ...said })
}
process.exitCode = 0
process.stdout.write(JSON.stringify(ran))
