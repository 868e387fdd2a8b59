/** What CloudTrail says when AWS has found a key of a user in public. */
export function quarantined(user, key) {
  return {
    eventVersion: '1.10',
    userIdentity: {
      type: 'IAMUser',
      principalId: 'AIDAEXAMPLE0000000001',
      accountId: '111122223333',
      arn: `arn:aws:iam::111122223333:user/${user}`,
      accessKeyId: key,
      userName: user,
    },
    eventTime: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
    eventSource: 'iam.amazonaws.com',
    eventName: 'AttachUserPolicy',
    awsRegion: 'eu-west-1',
    sourceIPAddress: '192.0.2.10',
    userAgent: 'aws-internal/3',
    requestParameters: { userName: user, policyArn: 'arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3' },
    responseElements: null,
    eventID: crypto.randomUUID(),
    readOnly: false,
    eventType: 'AwsApiCall',
    managementEvent: true,
    recipientAccountId: '111122223333',
    eventCategory: 'Management',
  }
}

/** A source of CloudTrail of that name; sends records through its door. */
export async function trail(server, api, source) {
  await api('POST', '/api/v1/sources', { body: { name: source, kind: 'aws_cloudtrail' } })
  const { secret } = await api('POST', '/api/v1/tokens', { body: { name: source, source } })
  return async (record) => {
    const answer = await fetch(`${server.api}/api/v1/ingest/${source}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify(record),
    })
    if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`)
  }
}
