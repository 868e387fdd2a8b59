import { Anchor } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { Empty } from '../feedback/empty'

export function NotFound() {
  return (
    <Empty title="There is no such page">
      The address may be of another version of the console. Go to{' '}
      <Anchor component={Link} to="/queue">
        the queue
      </Anchor>
      .
    </Empty>
  )
}
