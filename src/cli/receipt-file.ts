/** Files of receipts, and of what is beside them: JSON. */
import { readFileSync } from 'node:fs'
import { DenizenError } from '../model/errors.ts'
import { parseReceipt, type Receipt } from '../receipts/receipt.ts'
import { usageError } from './exit-codes.ts'

/** Throws `CliError`. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) throw usageError(`${path} is no JSON`, 'Name another file.')
    throw usageError(`${path} can not be read`, 'Name a file that is there.')
  }
}

/** Throws `CliError`. */
export function readReceipt(path: string): Receipt {
  try {
    return parseReceipt(readJson(path))
  } catch (error) {
    if (!(error instanceof DenizenError)) throw error
    throw usageError(`${path}: ${error.message}`, 'Name the file of a receipt.')
  }
}
