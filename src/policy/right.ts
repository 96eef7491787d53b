/** What a region may do with a dataset. */
export type Right = 'home' | 'store' | 'serve'
