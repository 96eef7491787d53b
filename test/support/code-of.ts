import { DenizenError } from '../../src/model/errors.ts'

/** With which error of ours a task fails; `none` where it does not. Others go through. */
export async function codeOf(task: Promise<unknown>): Promise<string> {
  try {
    await task
    return 'none'
  } catch (error) {
    if (error instanceof DenizenError) return error.code
    throw error
  }
}
