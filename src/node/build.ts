/**
 * What this build is to others: its version and the data formats that it knows. It works with every
 * one of them, and writes the one that is in force (coordination/data-format.ts): adjacent versions
 * share one, so that an upgrade can go node by node and be taken back before it is finalized.
 */
import type { Build } from '../coordination/build.ts'
import { version } from './version.ts'

export const build: Build = { version, oldest: 1, newest: 3 }
