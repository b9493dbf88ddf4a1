"""Many frames into one, in the order of the work: what was asked (`combine`, `average`, `levels`, `factors`,
`placement`), what is planned (`frames`, `layout`, `plan`), what is done (`run`, `kernel_call`, `tile_reader`,
`by_function`, `by_profile`).

May import `colour`, `headers`, `rejection`, `resampling` and `registration`.
"""
