// Texts to try: [name in English, name in Chinese, text].
export const EXAMPLES = [
  ["Smart city", "智慧城市",
    "社区开通了刷脸门禁，老人也能用一网通办预约体检，井盖装上传感器实时监测，大家都说方便👍 就是潮汐车道的提示牌还不够醒目。"],
  ["Customer service", "客服",
    "指纹登录更新后死活认不出来，智能客服翻来覆去就一句“亲，请稍后再试”，我的定期都到期了！麻烦尽快转人工处理😡"],
  ["Finance", "金融",
    "建立金融债权案件府院联动机制，法院、金融监管、公安按月会商；涉案账户清单纳入失信主体动态名录，由专人维护，季度末不良率降至1.2%。"],
  ["Health", "医疗",
    "医保码刷脸结算真方便，AI导诊把我带到了正确的科室，不用再排两个小时的队。"],
  ["English", "英文",
    "The city of Hangzhou launched a digital platform that lets residents book hospital visits and pay parking fees by phone; response time fell to 1.5 hours."],
];
