//! The API calls Acme makes, as data: what the request, the response and the resources look like.

/// One API action; texts are templates, see `Scene::put` for the names.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    /// First label of `eventSource`.
    pub(crate) service: &'static str,
    pub(crate) name: &'static str,
    pub(crate) reads: bool,
    /// A data event (S3 objects), not a management event.
    pub(crate) data: bool,
    pub(crate) request: &'static str,
    pub(crate) response: &'static str,
    pub(crate) resources: &'static str,
    pub(crate) extra: &'static str,
    pub(crate) host: &'static str,
    /// `eventType`.
    pub(crate) kind: &'static str,
    /// Replaces the caller's `userIdentity` when not empty (calls made before there is a session).
    pub(crate) identity: &'static str,
    /// Who makes it (`BROWSE`, `DATA`, …) and how often.
    pub(crate) who: u16,
    pub(crate) weight: u64,
}

impl Call {
    /// Recorded in us-east-1 wherever it is called from.
    pub(crate) fn is_global(&self) -> bool {
        matches!(self.service, "iam" | "cloudfront" | "route53" | "signin" | "organizations")
    }
}

/// Everyone who looks around.
pub(crate) const BROWSE: u16 = 1;
/// Data people.
pub(crate) const DATA: u16 = 2;
/// Platform people who change things by hand.
pub(crate) const OPS: u16 = 4;
/// Deployment pipelines.
pub(crate) const CI: u16 = 8;
/// Terraform pipelines.
pub(crate) const TERRAFORM: u16 = 16;
/// Programs: instances, tasks, functions.
pub(crate) const PROGRAM: u16 = 32;
/// AWS services by themselves.
pub(crate) const SERVICE: u16 = 64;
/// Security people.
pub(crate) const SEC: u16 = 128;
/// Long-lived CI user of old pipelines.
pub(crate) const OLD_CI: u16 = 256;

const fn call(
    service: &'static str,
    name: &'static str,
    who: u16,
    weight: u64,
    request: &'static str,
) -> Call {
    Call {
        service,
        name,
        reads: true,
        data: false,
        request,
        response: "null",
        resources: "",
        extra: "",
        host: "",
        kind: "AwsApiCall",
        identity: "",
        who,
        weight,
    }
}

const fn write(
    service: &'static str,
    name: &'static str,
    who: u16,
    weight: u64,
    request: &'static str,
    response: &'static str,
) -> Call {
    Call { reads: false, response, ..call(service, name, who, weight, request) }
}

const S3_EXTRA: &str = r#"{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"$b74==","bytesTransferredOut":$d3}"#;
const S3_BUCKET: &str = r#"[{"accountId":"$account","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::$bucket"}]"#;
const S3_OBJECT: &str = r#"[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::$bucket/$service/$i12.parquet"},{"accountId":"$account","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::$bucket"}]"#;
const S3_HOST: &str = "$bucket.s3.$region.amazonaws.com";
const KMS_KEY: &str =
    r#"[{"accountId":"$account","type":"AWS::KMS::Key","ARN":"arn:aws:kms:$region:$account:key/$key"}]"#;

/// A read of one property of a bucket; `request` names it as the service does.
const fn bucket(name: &'static str, who: u16, weight: u64, request: &'static str) -> Call {
    Call { resources: S3_BUCKET, extra: S3_EXTRA, host: S3_HOST, ..call("s3", name, who, weight, request) }
}

const fn kms(name: &'static str, who: u16, weight: u64, request: &'static str) -> Call {
    Call { resources: KMS_KEY, ..call("kms", name, who, weight, request) }
}

const STS_ROLE: &str = r#"[{"accountId":"$account","type":"AWS::IAM::Role","ARN":"arn:aws:iam::$account:role/acme-$service-$env-task"}]"#;

/// The calls of normal work.
#[rustfmt::skip]
pub(crate) const CALLS: &[Call] = &[
    call("ec2", "DescribeInstances", BROWSE | OPS | PROGRAM | SEC, 14, r#"{"maxResults":100,"instancesSet":{},"filterSet":{"items":[{"name":"tag:service","valueSet":{"items":[{"value":"$service"}]}}]}}"#),
    call("ec2", "DescribeInstanceStatus", BROWSE, 5, r#"{"instancesSet":{"items":[{"instanceId":"i-0$i16"}]},"filterSet":{},"includeAllInstances":true}"#),
    call("ec2", "DescribeSecurityGroups", BROWSE | OPS | TERRAFORM | SEC, 8, r#"{"securityGroupSet":{},"securityGroupIdSet":{"items":[{"groupId":"sg-0$i16"}]},"filterSet":{}}"#),
    call("ec2", "DescribeSubnets", BROWSE | TERRAFORM, 4, r#"{"subnetSet":{},"filterSet":{"items":[{"name":"vpc-id","valueSet":{"items":[{"value":"vpc-0$i16"}]}}]}}"#),
    call("ec2", "DescribeVpcs", BROWSE | TERRAFORM, 4, r#"{"vpcSet":{"items":[{"vpcId":"vpc-0$i16"}]},"filterSet":{}}"#),
    call("ec2", "DescribeRouteTables", TERRAFORM | BROWSE, 3, r#"{"routeTableIdSet":{"items":[{"routeTableId":"rtb-0$i16"}]},"filterSet":{}}"#),
    call("ec2", "DescribeNetworkInterfaces", PROGRAM | SEC, 8, r#"{"networkInterfaceIdSet":{"items":[{"networkInterfaceId":"eni-0$i16"}]},"filterSet":{}}"#),
    call("ec2", "DescribeVolumes", OPS | BROWSE, 3, r#"{"volumeSet":{"items":[{"volumeId":"vol-0$i16"}]},"filterSet":{}}"#),
    write("ec2", "CreateTags", OPS | TERRAFORM, 4, r#"{"resourcesSet":{"items":[{"resourceId":"i-0$i16"}]},"tagSet":{"items":[{"key":"service","value":"$service"},{"key":"env","value":"$env"}]}}"#, r#"{"requestId":"$uuid","_return":true}"#),
    write("ec2", "RunInstances", OPS | TERRAFORM, 2, r#"{"instancesSet":{"items":[{"imageId":"ami-0$i16","minCount":1,"maxCount":1}]},"instanceType":"t4g.small","blockDeviceMapping":{},"monitoring":{"enabled":false},"disableApiTermination":false,"disableApiStop":false,"clientToken":"$UUID","iamInstanceProfile":{"name":"acme-$service-$env"},"ebsOptimized":false,"tagSpecificationSet":{"items":[{"resourceType":"instance","tags":[{"key":"service","value":"$service"}]}]}}"#, r#"{"requestId":"$uuid","reservationId":"r-0$x16","ownerId":"$account","groupSet":{},"instancesSet":{"items":[{"instanceId":"i-0$x16","imageId":"ami-0$i16","instanceState":{"code":0,"name":"pending"},"privateDnsName":"ip-10-20-3-$octet.$region.compute.internal","amiLaunchIndex":0,"productCodes":{},"instanceType":"t4g.small","launchTime":1,"placement":{"availabilityZone":"$zone","tenancy":"default"},"monitoring":{"state":"disabled"},"privateIpAddress":"10.20.3.$octet","architecture":"arm64","rootDeviceType":"ebs","virtualizationType":"hvm"}]}}"#),
    write("ec2", "TerminateInstances", OPS, 1, r#"{"instancesSet":{"items":[{"instanceId":"i-0$i16"}]}}"#, r#"{"requestId":"$uuid","instancesSet":{"items":[{"instanceId":"i-0$i16","currentState":{"code":32,"name":"shutting-down"},"previousState":{"code":16,"name":"running"}}]}}"#),
    write("ec2", "AuthorizeSecurityGroupIngress", OPS | TERRAFORM, 1, r#"{"groupId":"sg-0$i16","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":443,"toPort":443,"groups":{},"ipRanges":{"items":[{"cidrIp":"10.20.0.0/16","description":"$service"}]},"ipv6Ranges":{},"prefixListIds":{}}]}}"#, r#"{"requestId":"$uuid","_return":true,"securityGroupRuleSet":{"items":[{"groupOwnerId":"$account","groupId":"sg-0$i16","securityGroupRuleId":"sgr-0$x16","isEgress":false,"ipProtocol":"tcp","fromPort":443,"toPort":443,"cidrIpv4":"10.20.0.0/16"}]}}"#),
    bucket("GetBucketAcl", BROWSE | SEC | SERVICE | TERRAFORM, 8, r#"{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","acl":""}"#),
    bucket("GetBucketLocation", BROWSE | DATA, 6, r#"{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","location":""}"#),
    bucket("GetBucketPolicy", SEC | TERRAFORM, 4, r#"{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","policy":""}"#),
    bucket("GetBucketEncryption", SEC | TERRAFORM | BROWSE, 4, r#"{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","encryption":""}"#),
    bucket("GetBucketVersioning", SEC | TERRAFORM, 3, r#"{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","versioning":""}"#),
    bucket("GetBucketPublicAccessBlock", SEC | TERRAFORM, 3, r#"{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","publicAccessBlock":""}"#),
    Call { extra: S3_EXTRA, host: "s3.$region.amazonaws.com", ..call("s3", "ListBuckets", BROWSE | DATA | OLD_CI, 6, r#"{"Host":"s3.$region.amazonaws.com"}"#) },
    Call { reads: false, ..bucket("PutBucketLifecycle", TERRAFORM | OPS, 1, r#"{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","lifecycle":"","LifecycleConfiguration":{"Rule":{"ID":"expire","Status":"Enabled","Filter":{"Prefix":"tmp/"},"Expiration":{"Days":30}}}}"#) },
    Call { data: true, resources: S3_OBJECT, ..bucket("GetObject", PROGRAM | DATA, 12, r#"{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","key":"$service/$i12.parquet"}"#) },
    Call { data: true, reads: false, resources: S3_OBJECT, response: r#"{"x-amz-server-side-encryption":"aws:kms","x-amz-server-side-encryption-aws-kms-key-id":"arn:aws:kms:$region:$account:key/$key"}"#, ..bucket("PutObject", PROGRAM | CI | OLD_CI, 8, r#"{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","key":"$service/$i12.parquet"}"#) },
    call("iam", "ListRoles", BROWSE | SEC, 4, r#"{"maxItems":1000}"#),
    call("iam", "GetRole", TERRAFORM | SEC | BROWSE, 8, r#"{"roleName":"acme-$service-$env-task"}"#),
    call("iam", "ListAttachedRolePolicies", TERRAFORM | SEC, 6, r#"{"roleName":"acme-$service-$env-task"}"#),
    call("iam", "ListRolePolicies", TERRAFORM | SEC, 4, r#"{"roleName":"acme-$service-$env-task"}"#),
    call("iam", "GetPolicyVersion", TERRAFORM | SEC, 4, r#"{"policyArn":"arn:aws:iam::$account:policy/acme-$service-$env","versionId":"v3"}"#),
    call("iam", "ListUsers", SEC, 2, r#"{"maxItems":1000}"#),
    call("iam", "GetAccountSummary", SEC | BROWSE, 1, "null"),
    write("iam", "AttachRolePolicy", TERRAFORM, 2, r#"{"roleName":"acme-$service-$env-task","policyArn":"arn:aws:iam::$account:policy/acme-$service-$env"}"#, "null"),
    write("iam", "PutRolePolicy", TERRAFORM, 1, r#"{"roleName":"acme-$service-$env-task","policyName":"queue","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"sqs:SendMessage\",\"sqs:ReceiveMessage\"],\"Resource\":\"arn:aws:sqs:eu-west-1:$account:$service\"}]}"}"#, "null"),
    write("iam", "TagRole", TERRAFORM, 1, r#"{"roleName":"acme-$service-$env-task","tags":[{"key":"owner","value":"$service"}]}"#, "null"),
    kms("Decrypt", PROGRAM | SERVICE | CI, 16, r#"{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","encryptionContext":{"SecretARN":"arn:aws:secretsmanager:$region:$account:secret:$service/$env-$i6","SecretVersionId":"$UUID"}}"#),
    kms("GenerateDataKey", PROGRAM | SERVICE, 10, r#"{"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::$bucket"},"keyId":"arn:aws:kms:$region:$account:key/$key","keySpec":"AES_256"}"#),
    kms("DescribeKey", BROWSE | TERRAFORM | SEC, 3, r#"{"keyId":"arn:aws:kms:$region:$account:key/$key"}"#),
    call("kms", "ListAliases", BROWSE | SEC, 2, r#"{"limit":100}"#),
    call("lambda", "ListFunctions20150331", BROWSE, 5, r#"{"maxItems":50}"#),
    call("lambda", "GetFunction20150331v2", BROWSE | CI, 6, r#"{"functionName":"$service-$env-handler"}"#),
    write("lambda", "UpdateFunctionCode20150331v2", CI, 4, r#"{"functionName":"$service-$env-handler","s3Bucket":"acme-staging-artifacts","s3Key":"$service/$x40.zip","publish":true,"dryRun":false}"#, r#"{"functionName":"$service-$env-handler","functionArn":"arn:aws:lambda:$region:$account:function:$service-$env-handler","runtime":"python3.12","role":"arn:aws:iam::$account:role/acme-$service-$env-task","handler":"app.handler","codeSize":1$d6,"description":"","timeout":30,"memorySize":256,"lastModified":"$iso","codeSha256":"$b43=","version":"$d2","tracingConfig":{"mode":"Active"},"revisionId":"$uuid","state":"Active","lastUpdateStatus":"InProgress","packageType":"Zip","architectures":["arm64"]}"#),
    write("lambda", "UpdateFunctionConfiguration20150331v2", CI | OPS, 1, r#"{"functionName":"$service-$env-handler","timeout":30,"memorySize":256,"environment":{}}"#, r#"{"functionName":"$service-$env-handler","functionArn":"arn:aws:lambda:$region:$account:function:$service-$env-handler","runtime":"python3.12","role":"arn:aws:iam::$account:role/acme-$service-$env-task","handler":"app.handler","timeout":30,"memorySize":256,"lastModified":"$iso","version":"$latest","revisionId":"$uuid"}"#),
    call("ecr", "GetAuthorizationToken", CI | PROGRAM, 6, "null"),
    Call { resources: r#"[{"accountId":"$account","ARN":"arn:aws:ecr:$region:$account:repository/$service"}]"#, ..call("ecr", "BatchGetImage", CI | PROGRAM, 8, r#"{"registryId":"$account","repositoryName":"$service","imageIds":[{"imageTag":"$i40"}],"acceptedMediaTypes":["application/vnd.docker.distribution.manifest.v2+json","application/vnd.oci.image.manifest.v1+json"]}"#) },
    Call { reads: false, resources: r#"[{"accountId":"$account","ARN":"arn:aws:ecr:$region:$account:repository/$service"}]"#, response: r#"{"image":{"registryId":"$account","repositoryName":"$service","imageId":{"imageDigest":"sha256:$x64","imageTag":"$i40"},"imageManifestMediaType":"application/vnd.oci.image.manifest.v1+json"}}"#, ..call("ecr", "PutImage", CI, 6, r#"{"registryId":"$account","repositoryName":"$service","imageTag":"$i40","imageManifestMediaType":"application/vnd.oci.image.manifest.v1+json"}"#) },
    Call { reads: false, response: r#"{"registryId":"$account","repositoryName":"$service","uploadId":"$uuid","layerDigest":"sha256:$i64"}"#, resources: r#"[{"accountId":"$account","ARN":"arn:aws:ecr:$region:$account:repository/$service"}]"#, ..call("ecr", "CompleteLayerUpload", CI, 5, r#"{"registryId":"$account","repositoryName":"$service","uploadId":"$uuid","layerDigests":["sha256:$i64"]}"#) },
    call("cloudformation", "DescribeStacks", BROWSE | CI, 6, r#"{"stackName":"$service-$env"}"#),
    call("cloudformation", "DescribeStackEvents", CI | BROWSE, 6, r#"{"stackName":"arn:aws:cloudformation:$region:$account:stack/$service-$env/$uuid"}"#),
    write("cloudformation", "CreateChangeSet", CI, 3, r#"{"stackName":"$service-$env","changeSetName":"deploy-$i8","changeSetType":"UPDATE","capabilities":["CAPABILITY_NAMED_IAM"],"parameters":[{"parameterKey":"ImageTag","parameterValue":"$i40"}],"includeNestedStacks":false}"#, r#"{"id":"arn:aws:cloudformation:$region:$account:changeSet/deploy-$i8/$uuid","stackId":"arn:aws:cloudformation:$region:$account:stack/$service-$env/$uuid"}"#),
    write("cloudformation", "ExecuteChangeSet", CI, 3, r#"{"stackName":"$service-$env","changeSetName":"deploy-$i8","clientRequestToken":"$uuid"}"#, "null"),
    call("ecs", "DescribeServices", BROWSE | CI, 8, r#"{"cluster":"acme-$env","services":["$service"]}"#),
    call("ecs", "ListTasks", BROWSE, 4, r#"{"cluster":"acme-$env","serviceName":"$service","desiredStatus":"RUNNING"}"#),
    write("ecs", "UpdateService", CI | OPS, 3, r#"{"cluster":"acme-$env","service":"$service","taskDefinition":"$service-$env:$d3","forceNewDeployment":false}"#, r#"{"service":{"serviceArn":"arn:aws:ecs:$region:$account:service/acme-$env/$service","serviceName":"$service","clusterArn":"arn:aws:ecs:$region:$account:cluster/acme-$env","status":"ACTIVE","desiredCount":3,"runningCount":3,"pendingCount":0,"launchType":"FARGATE","platformVersion":"1.4.0","schedulingStrategy":"REPLICA","createdAt":"$now"}}"#),
    call("logs", "StartQuery", BROWSE | OPS | SEC, 10, r#"{"logGroupName":"/ecs/acme-$env/$service","startTime":$seconds,"endTime":$seconds,"queryString":"fields @timestamp, @message | filter level = \"error\" | sort @timestamp desc","limit":1000}"#),
    call("logs", "DescribeLogGroups", BROWSE, 6, r#"{"logGroupNamePrefix":"/ecs/acme-$env/$service","limit":50}"#),
    write("logs", "CreateLogStream", PROGRAM | SERVICE, 10, r#"{"logGroupName":"/ecs/acme-$env/$service","logStreamName":"$service/$service/$i32"}"#, "null"),
    call("monitoring", "DescribeAlarms", BROWSE | OPS, 8, r#"{"alarmNamePrefix":"$service-$env","maxRecords":100}"#),
    write("monitoring", "PutMetricAlarm", TERRAFORM | OPS, 1, r#"{"alarmName":"$service-$env-5xx","namespace":"AWS/ApplicationELB","metricName":"HTTPCode_Target_5XX_Count","threshold":10.0,"comparisonOperator":"GreaterThanThreshold","evaluationPeriods":3,"period":60,"statistic":"Sum","actionsEnabled":true}"#, "null"),
    call("ssm", "GetParameter", PROGRAM | CI | OLD_CI, 10, r#"{"name":"/acme/$env/$service/config","withDecryption":true}"#),
    call("ssm", "DescribeInstanceInformation", OPS | SEC, 3, r#"{"maxResults":50}"#),
    write("ssm", "UpdateInstanceInformation", PROGRAM, 8, r#"{"instanceId":"i-0$i16","agentVersion":"3.3.551.0","agentStatus":"Active","platformType":"Linux","platformName":"Amazon Linux","platformVersion":"2023","iPAddress":"10.20.3.$octet","computerName":"ip-10-20-3-$octet.$region.compute.internal","agentName":"amazon-ssm-agent"}"#, "null"),
    call("secretsmanager", "GetSecretValue", PROGRAM, 8, r#"{"secretId":"$service/$env"}"#),
    call("secretsmanager", "ListSecrets", OPS | SEC, 2, r#"{"maxResults":100}"#),
    call("secretsmanager", "DescribeSecret", OPS | TERRAFORM, 3, r#"{"secretId":"$service/$env"}"#),
    call("rds", "DescribeDBInstances", BROWSE | DATA | OPS, 5, r#"{"dBInstanceIdentifier":"$service-$env"}"#),
    write("rds", "CreateDBSnapshot", OPS | PROGRAM, 1, r#"{"dBInstanceIdentifier":"$service-$env","dBSnapshotIdentifier":"$service-$env-$i8"}"#, r#"{"dBSnapshotIdentifier":"$service-$env-$i8","dBInstanceIdentifier":"$service-$env","engine":"postgres","allocatedStorage":200,"status":"creating","port":5432,"availabilityZone":"$zone","engineVersion":"16.3","snapshotType":"manual","percentProgress":0,"storageType":"gp3","encrypted":true,"dBSnapshotArn":"arn:aws:rds:$region:$account:snapshot:$service-$env-$i8"}"#),
    call("athena", "GetQueryExecution", DATA, 10, r#"{"queryExecutionId":"$uuid"}"#),
    write("athena", "StartQueryExecution", DATA, 8, r#"{"queryString":"***OMITTED***","clientRequestToken":"$uuid","queryExecutionContext":{"database":"curated","catalog":"AwsDataCatalog"},"workGroup":"analysts"}"#, r#"{"queryExecutionId":"$uuid"}"#),
    call("glue", "GetTables", DATA, 8, r#"{"databaseName":"curated","maxResults":100}"#),
    write("glue", "StartJobRun", DATA | PROGRAM, 3, r#"{"jobName":"$service-daily","arguments":{"--date":"$iso"}}"#, r#"{"jobRunId":"jr_$x64"}"#),
    call("cloudtrail", "LookupEvents", SEC | OPS, 5, r#"{"maxResults":50,"lookupAttributes":[{"attributeKey":"Username","attributeValue":"$caller"}]}"#),
    call("cloudtrail", "DescribeTrails", SEC | TERRAFORM, 3, r#"{"trailNameList":["acme-org-trail"],"includeShadowTrails":false}"#),
    call("cloudtrail", "GetTrailStatus", SEC | TERRAFORM, 3, r#"{"name":"arn:aws:cloudtrail:eu-west-1:$account:trail/acme-org-trail"}"#),
    call("cloudtrail", "GetEventSelectors", TERRAFORM, 2, r#"{"trailName":"acme-org-trail"}"#),
    call("guardduty", "ListFindings", SEC, 6, r#"{"detectorId":"$i32","maxResults":50,"findingCriteria":{"criterion":{"service.archived":{"eq":["false"]}}}}"#),
    call("config", "DescribeConfigRules", SEC, 3, r#"{"configRuleNames":["s3-bucket-public-read-prohibited"]}"#),
    call("elasticloadbalancing", "DescribeTargetHealth", BROWSE | OPS | CI, 6, r#"{"targetGroupArn":"arn:aws:elasticloadbalancing:$region:$account:targetgroup/$service-$env/$i16"}"#),
    call("sqs", "ListQueues", BROWSE, 2, r#"{"queueNamePrefix":"$service","maxResults":1000}"#),
    call("dynamodb", "DescribeTable", BROWSE | TERRAFORM | PROGRAM, 5, r#"{"tableName":"$service-$env"}"#),
    call("sts", "GetCallerIdentity", CI | TERRAFORM | OLD_CI | OPS, 6, "null"),
    Call { resources: STS_ROLE, response: ROLE_CREDENTIALS, ..call("sts", "AssumeRole", SERVICE, 14, r#"{"roleArn":"arn:aws:iam::$account:role/acme-$service-$env-task","roleSessionName":"$i32"}"#) },
];

const ROLE_CREDENTIALS: &str = r#"{"credentials":{"accessKeyId":"ASIA$q16","sessionToken":"IQoJb3JpZ2luX2VjE$b148==","expiration":"$later"},"assumedRoleUser":{"assumedRoleId":"AROA$j17:$i32","arn":"arn:aws:sts::$account:assumed-role/acme-$service-$env-task/$i32"}}"#;

/// Sign-in to the console through IAM Identity Center.
pub(crate) const CONSOLE_LOGIN: Call = Call {
    kind: "AwsConsoleSignIn",
    extra: r#"{"MobileVersion":"No","MFAUsed":"No"}"#,
    host: "signin.aws.amazon.com",
    ..write("signin", "ConsoleLogin", 0, 0, "null", r#"{"ConsoleLogin":"Success"}"#)
};

/// A pipeline trades its GitHub token for a role; set `role` and `subject`.
pub(crate) const WEB_IDENTITY: Call = Call {
    reads: true,
    identity: r#"{"type":"WebIdentityUser","principalId":"arn:aws:iam::$account:oidc-provider/token.actions.githubusercontent.com:sts.amazonaws.com:$subject","userName":"$subject","identityProvider":"arn:aws:iam::$account:oidc-provider/token.actions.githubusercontent.com"}"#,
    response: r#"{"credentials":{"accessKeyId":"ASIA$q16","sessionToken":"IQoJb3JpZ2luX2VjE$b120==","expiration":"$later"},"subjectFromWebIdentityToken":"$subject","assumedRoleUser":{"assumedRoleId":"AROA$j17:GitHubActions","arn":"arn:aws:sts::$account:assumed-role/$role/GitHubActions"},"provider":"arn:aws:iam::$account:oidc-provider/token.actions.githubusercontent.com","audience":"sts.amazonaws.com"}"#,
    resources: r#"[{"accountId":"$account","type":"AWS::IAM::Role","ARN":"arn:aws:iam::$account:role/$role"}]"#,
    ..call(
        "sts",
        "AssumeRoleWithWebIdentity",
        0,
        0,
        r#"{"roleArn":"arn:aws:iam::$account:role/$role","roleSessionName":"GitHubActions","durationSeconds":3600}"#,
    )
};

/// Calls that attacks make, and that honest people make seldom: `set` gives `user`, `role`, `policy`, …
pub(crate) const CALLER_IDENTITY: Call = call("sts", "GetCallerIdentity", 0, 0, "null");
pub(crate) const LIST_USERS: Call = call("iam", "ListUsers", 0, 0, "null");
pub(crate) const LIST_ROLES: Call = call("iam", "ListRoles", 0, 0, "null");
pub(crate) const LIST_POLICIES: Call =
    call("iam", "ListAttachedUserPolicies", 0, 0, r#"{"userName":"$user"}"#);
pub(crate) const ACCOUNT_AUTHORIZATION: Call = call("iam", "GetAccountAuthorizationDetails", 0, 0, "null");
pub(crate) const LIST_BUCKETS: Call = Call {
    extra: S3_EXTRA,
    host: "s3.$region.amazonaws.com",
    ..call("s3", "ListBuckets", 0, 0, r#"{"Host":"s3.$region.amazonaws.com"}"#)
};
pub(crate) const LIST_SECRETS: Call = call("secretsmanager", "ListSecrets", 0, 0, r#"{"maxResults":100}"#);
pub(crate) const GET_SECRET: Call =
    call("secretsmanager", "GetSecretValue", 0, 0, r#"{"secretId":"$secret"}"#);
pub(crate) const LIST_FUNCTIONS: Call = call("lambda", "ListFunctions20150331", 0, 0, "null");
pub(crate) const DESCRIBE_INSTANCES: Call =
    call("ec2", "DescribeInstances", 0, 0, r#"{"maxResults":1000,"instancesSet":{},"filterSet":{}}"#);
pub(crate) const CREATE_USER: Call = write(
    "iam",
    "CreateUser",
    0,
    0,
    r#"{"userName":"$user"}"#,
    r#"{"user":{"path":"/","userName":"$user","userId":"AIDA$j17","arn":"arn:aws:iam::$account:user/$user","createDate":"$now"}}"#,
);
pub(crate) const CREATE_KEY: Call = write(
    "iam",
    "CreateAccessKey",
    0,
    0,
    r#"{"userName":"$user"}"#,
    r#"{"accessKey":{"userName":"$user","accessKeyId":"AKIA$q16","status":"Active","createDate":"$now"}}"#,
);
pub(crate) const DELETE_KEY: Call =
    write("iam", "DeleteAccessKey", 0, 0, r#"{"userName":"$user","accessKeyId":"AKIA$j16"}"#, "null");
pub(crate) const CREATE_LOGIN_PROFILE: Call = write(
    "iam",
    "CreateLoginProfile",
    0,
    0,
    r#"{"userName":"$user","passwordResetRequired":false}"#,
    r#"{"loginProfile":{"userName":"$user","createDate":"$now","passwordResetRequired":false}}"#,
);
pub(crate) const ATTACH_USER_POLICY: Call =
    write("iam", "AttachUserPolicy", 0, 0, r#"{"userName":"$user","policyArn":"$policy"}"#, "null");
pub(crate) const ATTACH_ROLE_POLICY: Call =
    write("iam", "AttachRolePolicy", 0, 0, r#"{"roleName":"$role","policyArn":"$policy"}"#, "null");
pub(crate) const UPDATE_ASSUME_ROLE: Call = write(
    "iam",
    "UpdateAssumeRolePolicy",
    0,
    0,
    r#"{"roleName":"$role","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"$principal\"},\"Action\":\"sts:AssumeRole\"}]}"}"#,
    "null",
);
pub(crate) const ASSUME_ROLE: Call = Call {
    resources: r#"[{"accountId":"$account","type":"AWS::IAM::Role","ARN":"arn:aws:iam::$account:role/$role"}]"#,
    response: r#"{"credentials":{"accessKeyId":"ASIA$q16","sessionToken":"IQoJb3JpZ2luX2VjE$b148==","expiration":"$later"},"assumedRoleUser":{"assumedRoleId":"AROA$j17:$session","arn":"arn:aws:sts::$account:assumed-role/$role/$session"}}"#,
    ..call(
        "sts",
        "AssumeRole",
        0,
        0,
        r#"{"roleArn":"arn:aws:iam::$account:role/$role","roleSessionName":"$session","durationSeconds":3600}"#,
    )
};
pub(crate) const DESCRIBE_TRAILS: Call =
    call("cloudtrail", "DescribeTrails", 0, 0, r#"{"trailNameList":[]}"#);
pub(crate) const STOP_LOGGING: Call = write(
    "cloudtrail",
    "StopLogging",
    0,
    0,
    r#"{"name":"arn:aws:cloudtrail:eu-west-1:$account:trail/$trail"}"#,
    "null",
);
pub(crate) const DELETE_TRAIL: Call = write(
    "cloudtrail",
    "DeleteTrail",
    0,
    0,
    r#"{"name":"arn:aws:cloudtrail:eu-west-1:$account:trail/$trail"}"#,
    "null",
);
pub(crate) const PUT_SELECTORS: Call = write(
    "cloudtrail",
    "PutEventSelectors",
    0,
    0,
    r#"{"trailName":"$trail","eventSelectors":[{"readWriteType":"$types","includeManagementEvents":$management,"dataResources":[],"excludeManagementEventSources":[]}]}"#,
    r#"{"trailARN":"arn:aws:cloudtrail:eu-west-1:$account:trail/$trail","eventSelectors":[{"readWriteType":"$types","includeManagementEvents":$management,"dataResources":[],"excludeManagementEventSources":[]}]}"#,
);
pub(crate) const DELETE_LOG_GROUP: Call =
    write("logs", "DeleteLogGroup", 0, 0, r#"{"logGroupName":"$group"}"#, "null");

/// One of the calls of `who`, by weight.
pub(crate) fn choose(dice: &mut crate::dice::Dice, who: u16) -> &'static Call {
    let fitting = || CALLS.iter().filter(|call| call.who & who != 0);
    let mut draw = dice.below(fitting().map(|call| call.weight).sum());
    fitting()
        .find(|call| {
            let found = draw < call.weight;
            draw = draw.saturating_sub(call.weight);
            found
        })
        .unwrap_or(&CALLS[0])
}
