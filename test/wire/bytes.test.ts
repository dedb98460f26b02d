// The tables of this folder, each byte of client and origin in a packet of its own: the same must
// come out.

import t from 'tap'
import { checkTables } from './check.ts'

await checkTables(t, 'bytes')
