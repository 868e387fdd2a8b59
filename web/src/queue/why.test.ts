import { expect, test } from 'vitest'
import { exampleIncident } from '../incident/example'
import { reasons, reasonsBeside } from './why'

test('a row does not say twice what its title says', () => {
  const incident = exampleIncident({
    title: 'Secret read: ci-deployer',
    why: [
      { kind: 'rule', text: 'Secret read' },
      { kind: 'rule', text: 'Key of a tool' },
      { kind: 'entity', text: 'actor ci-deployer' },
      { kind: 'count', text: '3 findings in 60 seconds' },
    ],
  })
  expect(reasonsBeside(incident).map((why) => why.text)).toEqual(['3 findings in 60 seconds', 'Key of a tool'])
  const renamed = { ...incident, title: 'The leak' }
  expect(reasonsBeside(renamed)).toHaveLength(4)
})

test('a server that gives no reasons is helped out', () => {
  const texts = reasons(exampleIncident({ criticality: 'high', service: 'shop' })).map((why) => why.text)
  expect(texts).toEqual(['3 findings in 1 min', '2 rules agree', 'same actor', 'shop is of high criticality'])
})
