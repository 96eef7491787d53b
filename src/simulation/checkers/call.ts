/**
 * A call: one request as the checkers see it. Attempts under one idempotency key are one call. What
 * it may have done is a list of *ways*, each of which demands something of the state just before
 * it and then changes keys; what it read is a demand too. So every operation of a history, reads,
 * conditional writes and transactions alike, is one shape: "at one moment, this held, and this was
 * changed".
 */
import type { Version } from '../../model/version.ts'

export interface Call {
  /** Indexes of the history's operations: its attempts. */
  readonly operations: readonly number[]
  /** `dataset group`: what is linearizable as one thing. */
  readonly group: string
  readonly invokeMs: number
  /** Infinity: it may take effect at any later time, or never. */
  readonly returnMs: number
  /**
   * Of a call that returned: one happened. Of another: one, or nothing. Mostly there is just one.
   */
  readonly ways: readonly Way[]
  /** The version of all that it changed, where a reply told one. */
  readonly told: string | undefined
  /** Regions that have its effects on disk, as the reply says; 0 where no reply says so. */
  readonly acks: number
}

export interface Way {
  /** Of the state before it. */
  readonly demands: readonly Demand[]
  readonly effects: readonly Effect[]
}

/** `name` is `dataset key`. */
export interface Effect {
  readonly name: string
  /** null deletes. */
  readonly value: string | null
  /** So long after the invocation the value may become absent by itself; Infinity: never. */
  readonly ttlMs: number
}

export type Demand =
  | { readonly kind: 'version' | 'not-version'; readonly name: string; readonly version: string }
  | { readonly kind: 'value' | 'not-value'; readonly name: string; readonly value: string }
  | { readonly kind: 'absent' | 'live'; readonly name: string }
  /** One of them holds. */
  | { readonly kind: 'any'; readonly of: readonly Demand[] }

/** A call that changed a key, or may have. */
export interface Write {
  readonly call: Call
  readonly way: Way
  readonly effect: Effect
  /** Told by a reply, or learnt from who read the value. */
  readonly version: Version | undefined
}

/** When a key may have become absent by what was written, deletion or expiry; Infinity: never. */
export const endMs = ({ call, effect }: Write): number =>
  call.invokeMs + (effect.value === null ? 0 : effect.ttlMs)

/** It took effect for certain, at some moment between invocation and return. */
export const isCertain = ({ call }: Write): boolean => call.returnMs !== Infinity

export const nameOf = (dataset: string, key: string): string => `${dataset} ${key}`

/** The first of its attempts: what findings name it by. */
export const firstOf = ({ operations }: Call): number => operations[0] ?? -1
