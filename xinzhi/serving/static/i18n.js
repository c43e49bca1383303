// The words of the page in English and Chinese.

const WORDS = {
  en: {
    skip: "Skip to the text", api: "API", key: "API key", text: "Text",
    placeholder: "Type or paste a text …", examples: "Examples", analyze: "Analyze",
    model: "Model", clear: "Clear", results: "Results", marked: "Marked text", table: "Table",
    code: "Code", legend: "Labels: show or hide", offsets: "Offsets",
    codepoints: "code points (Python)", utf16: "UTF-16 (JavaScript)", copy: "Copy",
    copied: "Copied", aside: "Details", thresholds: "Thresholds",
    entityThreshold: "Hide entities below", labelThreshold: "Hide labels below",
    about: "About the model", keyLabel: "Key of this service",
    keyHint: "Kept in this browser tab only, and forgotten when it is closed.",
    forget: "Forget", save: "Save", group: "group", cats: "categories", scores: "Scores",
    answers: "Answers", abstained: "The model abstains", start: "start", end: "end",
    entity: "entity", label: "label", confidence: "confidence", alternatives: "alternatives",
    noEntities: "No entities.", noText: "Type a text first.", working: "Analyzing …",
    characters: (n) => `${n.toLocaleString("en")} ${n === 1 ? "character" : "characters"}`,
    found: (n, ms) => `${n} ${n === 1 ? "entity" : "entities"} in ${ms} ms`,
    labelsHidden: (n) => `${n} below the threshold`,
    hiddenCount: (e, l) => `Hidden now: ${e} of the entities, ${l} of the labels.`,
    unreachable: "The service does not answer",
    unreachableDetail: "Check that it is running and that your network reaches it, then try again.",
    unexpected: "The service gave an answer that this page does not understand",
    enterKey: "Enter a key", retryAfter: (s) => `Try again in ${s} seconds.`,
    language: "中文", languageName: "Switch to Chinese",
    theme_system: "Colours: system", theme_light: "Colours: light", theme_dark: "Colours: dark",
    description: "Description", lang: "Language", leftOut: "Left out by the model",
    labels: "Labels", components: "Components",
    monitor: "Dashboard", pages: "What to do", analysis: "Analysis", faq: "Questions and answers",
    question: "Question", questionPlaceholder: "Ask in your own words …", ask: "Ask",
    decision_answer: "The answer", decision_clarify: "Which of these is meant?",
    decision_none: "There is no answer to this; the nearest entries are",
  },
  zh: {
    skip: "跳到文本", api: "接口", key: "密钥", text: "文本",
    placeholder: "输入或粘贴一段文本……", examples: "示例", analyze: "分析",
    model: "模型", clear: "清空", results: "结果", marked: "标注", table: "表格",
    code: "代码", legend: "标签：显示或隐藏", offsets: "偏移量",
    codepoints: "码点（Python）", utf16: "UTF-16（JavaScript）", copy: "复制",
    copied: "已复制", aside: "详情", thresholds: "阈值",
    entityThreshold: "隐藏置信度低于此值的实体", labelThreshold: "隐藏概率低于此值的类别",
    about: "关于模型", keyLabel: "本服务的密钥",
    keyHint: "只保存在当前标签页，关闭后即清除。",
    forget: "清除", save: "保存", group: "组", cats: "类别", scores: "评分",
    answers: "答案", abstained: "模型不作判断", start: "起", end: "止",
    entity: "实体", label: "标签", confidence: "置信度", alternatives: "其他可能",
    noEntities: "没有实体。", noText: "请先输入文本。", working: "正在分析……",
    characters: (n) => `${n.toLocaleString("zh")} 字`,
    found: (n, ms) => `${n} 个实体，用时 ${ms} 毫秒`,
    labelsHidden: (n) => `${n} 个低于阈值`,
    hiddenCount: (e, l) => `当前隐藏：${e} 个实体，${l} 个类别。`,
    unreachable: "服务没有应答",
    unreachableDetail: "请确认服务正在运行、网络可达，然后重试。",
    unexpected: "服务返回了本页无法识别的内容",
    enterKey: "输入密钥", retryAfter: (s) => `请在 ${s} 秒后重试。`,
    language: "English", languageName: "切换到英文",
    theme_system: "颜色：跟随系统", theme_light: "颜色：浅色", theme_dark: "颜色：深色",
    description: "说明", lang: "语言", leftOut: "模型自行略去",
    labels: "标签", components: "组件",
    monitor: "舆情看板", pages: "功能", analysis: "文本分析", faq: "问答",
    question: "问题", questionPlaceholder: "用自己的话提问……", ask: "提问",
    decision_answer: "答案", decision_clarify: "您问的是哪一个？",
    decision_none: "知识库中没有答案，最接近的条目是",
  },
};

let current = "en";

/** The language to begin with: the one chosen before, else the browser's. */
export function firstLanguage(stored, browser) {
  if (stored in WORDS) return stored;
  return browser.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function language() {
  return current;
}

/** A word, or a phrase with numbers in it. */
export function t(key, ...values) {
  const word = WORDS[current][key];
  return typeof word === "function" ? word(...values) : word;
}

/** Show the page in a language. */
export function setLanguage(name) {
  current = name;
  document.documentElement.lang = name === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-i18n]")) {
    element.textContent = t(element.dataset.i18n);
  }
  for (const element of document.querySelectorAll("[data-i18n-placeholder]")) {
    element.placeholder = t(element.dataset.i18nPlaceholder);
  }
  for (const element of document.querySelectorAll("[data-i18n-label]")) {
    element.setAttribute("aria-label", t(element.dataset.i18nLabel));
  }
}
