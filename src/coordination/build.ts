/** What runs in a region: a version of Denizen, and the data formats that it knows. */
import { z } from 'zod'

/** It reads and writes every format from `oldest` to `newest`. */
export const buildSchema = z.strictObject({
  version: z.string().min(1),
  oldest: z.int().min(1),
  newest: z.int().min(1),
})
export type Build = z.infer<typeof buildSchema>

/** Of records and directories that were written before they named their format. */
export const FIRST_DATA_FORMAT = 1

export const knowsFormat = ({ oldest, newest }: Build, format: number): boolean =>
  oldest <= format && format <= newest

export const formatsText = ({ oldest, newest }: Build): string =>
  oldest === newest ? `format ${newest}` : `formats ${oldest} to ${newest}`
