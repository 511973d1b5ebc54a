/** The kinds of error that a text can reveal. */
type TextKind =
  | "content_rejected"
  | "insufficient_credit"
  | "auth"
  | "model_not_found"
  | "rate_limited"
  | "no_image"
  | "failed"
  | "busy"
  | "invalid_request"
  | "unknown";

/** Join several patterns into one. Every repetition is bounded, because the patterns run on text from a vendor. */
const anyOf = (...parts: RegExp[]) => new RegExp(parts.map(({ source }) => source).join("|"), "is");

/**
 * Phrases in an error message or code; the first match counts. They come from OpenAI, Google, Azure, Ark, BFL, relays
 * of the new-api family, and the vendors' documents. Single words are not enough: `safety_tolerance`, 内容审核级别,
 * `moderation` and `api_key` are also field names, 大小写敏感 means "case-sensitive", and a picture that is rejected for its
 * size is not rejected for its content.
 */
export const PHRASES: readonly (readonly [TextKind, RegExp])[] = [
  [
    "content_rejected",
    anyOf(
      /content[ _-]?(?:polic|filter|safety)|content management polic|prohibited[ _](?:content|use)/,
      /safety (?:system|filter|polic|check|guideline|reason)/,
      /(?:request|content|prompt|image|input|output|text) (?:was |is |has been )?moderated|moderation[ _](?:block|fail|reject|flag)/,
      /(?:fail\w{0,3}|pass\w{0,3}|by|through) (?:(?:the|our|content|image|prompt|safety) ){0,2}moderation\b/,
      /sensitive[ _-]?(?:content|word|info|material|topic)/,
      /\bnsfw[ _](?:content|image|prompt|concept|detect)/,
      /violat\w{0,5}.{0,60}(?:polic|guideline|terms of|responsible ai|standards)|(?:policy|guidelines?) ?violation/,
      /(?:blocked|rejected|filtered|refused|flagged).{0,40}(?:safety|moderation|prohibited|sensitive|unsafe|harmful|inappropriate)/,
      /prompt[ _](?:was |is |has been )?blocked|blocked by gemini|against (?:my|our|the) (?:\w{1,20} ){0,2}(?:polic|guideline|rules)/,
      /[不未没].{0,4}通过.{0,8}审[核查]|审[核查].{0,4}(?:不通过|未通过|没有?通过|失败|拒绝|拦截|不合格)/,
      /(?:内容|提示词|图[片像]|文本|涉嫌|包含|含有|存在|涉及).{0,8}违规|违规(?:内容|词|信息|图)/,
      /(?<!大小写)敏感(?!度)/,
      /违反.{0,12}(?:政策|规定|规范|准则|策略|条款|法规)|不安全(?:的|或敏感)?内容|内容.{0,4}(?:不安全|不合规)/,
    ),
  ],
  [
    "insufficient_credit",
    anyOf(
      /insufficient[ _-]?(?:user[ _-]?)?(?:account[ _-]?)?(?:quota|credit|balance|fund|point)/,
      /(?:out of|not enough|no (?:more|remaining)) (?:credit|balance|quota|points)/,
      /(?:credits?|balance|quota|funds) (?:(?:is|are|was|has been|have been) )?(?:not enough|exhausted|insufficient|too low|used up|depleted)/,
      /billing[ _]hard[ _]limit|pre_consume|account ?overdue|payment required/,
      /(?:余额|额度|积分|点数).{0,16}(?:不足|不够|用尽|耗尽|用完|失败)|欠费|请.{0,4}充值/,
    ),
  ],
  [
    "auth",
    anyOf(
      // Unless the message is about a field of the request.
      /^(?!.*(?:\bfields?\b|\bparam|\bargument|参数|字段)).*?(?:(?:invalid|incorrect|wrong|expired|missing|no)[ _]api[ _-]?key|api[ _-]?key.{0,12}(?:invalid|not valid|expired|incorrect|wrong|missing|revoked|disabled|无效|过期|错误|不正确|失效))/,
      /(?:invalid|expired|incorrect)[ _](?:access[ _])?token\b(?! (?:at|in|count|limit))|unauthori[sz]ed|authentication(?:_error| (?:failed|error|required))/,
      /鉴权失败|认证失败|(?:无效|错误|过期)的?(?:令牌|密钥)|(?:令牌|密钥).{0,8}(?:无效|过期|错误|不可用|不存在|禁用)/,
    ),
  ],
  [
    "model_not_found",
    anyOf(
      /model[ _]?not[ _]?(?:found|open|exist|supported|available)|no available channel|access to (?:the )?model\b/,
      /(?:unknown|no such|unsupported|unrecognized|invalid) ?model\b(?! ?(?:param|field|type|value))/,
      /\bmodels?\b(?! ?(?:param|field|option|input|type))[ :/]{0,2}["'`]?[\w./:@-]{0,120}["'`]? ?(?:(?:is|was|does|do|has been|could) )?(?:not (?:found|exist|be found|supported|available)|no longer|unknown|deprecated|retired|invalid)/,
      /模型[^\uff0c,。;；参字图比尺]{0,80}(?:不存在|未找到|已下线|已停用|未配置|未开通)|无可用渠道|(?:不存在|无效|未知|不支持)的?[该此]?模型(?![的参])|无权.{0,8}模型/,
    ),
  ],
  [
    "rate_limited",
    anyOf(
      /rate[ _-]?limit|too many requests|too frequent|throttl|quota[ _]?(?:is |has been )?exceeded|exceeded.{0,24}quota/,
      /resource[ _](?:has been )?exhausted|频繁|限流|频率.{0,4}(?:过高|超|限制)|并发.{0,8}(?:超|过高|上限|限制)/,
    ),
  ],
  [
    "no_image",
    anyOf(
      /empty[ _]response|image upload err|no candidates|(?:returned|generated|produced|contains?) no image/,
      /no images? (?:(?:was|were|is|has been) )?(?:generated|returned|produced|created)|[未没]有?能?(?:生成|返回).{0,4}图/,
    ),
  ],
  // Google rejects a gateway in an unsupported country: not the client's error, and other vendors may be in other
  // countries.
  ["failed", /user location|(?:country|region|territory) (?:is )?not supported/i],
  [
    "busy",
    /overloaded|(?:over|at|insufficient) capacity|(?:high|heavy) (?:demand|load)|(?:系统|服务器?)繁忙|过载|负载.{0,4}(?:饱和|过高)/i,
  ],
  [
    "invalid_request",
    anyOf(
      /invalid.{0,60}\bparam|invalid[ _](?:argument|value|input)|unsupported (?:aspect|ratio|size|format|resolution|image|value)/,
      /must be (?:one of|an? |at |between|less|greater)|参数.{0,16}(?:错误|无效|不正确|不合法|有误|缺失)|(?:错误|无效|非法|缺少).{0,8}参数/,
    ),
  ],
  ["unknown", /timed? ?out|deadline[ _]exceeded|超时/i],
];
