import { expect, test } from 'vitest'
import { placeOf } from './drive'

test('a position names partition and offset last', () => {
  expect(placeOf('raw/1/26189')).toEqual({ partition: 1, offset: 26189 })
})
