// The tables of this folder, each write of client and origin in one packet.

import t from 'tap'
import { checkTables } from './check.ts'

await checkTables(t, 'whole')
