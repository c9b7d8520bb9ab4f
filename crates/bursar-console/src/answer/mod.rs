//! What the API answers with. Money is a decimal string in US dollars; unknown money is `null` beside
//! `"priced": false`, never zero. Times are RFC 3339 in UTC.

mod alert;
mod budget;
mod gpu;
mod health;
mod key;
mod priced;
mod record;
mod share;
mod spend;

pub use alert::{
    AckBody, AlertAnswer, AlertsAnswer, DeliveryAnswer, SilenceAnswer, SilenceBody, SilencesAnswer,
};
pub use budget::{
    AmountAnswer, BalanceAnswer, BudgetAnswer, BudgetDetailAnswer, BudgetForm, BudgetsAnswer, IncreaseForm,
    PeriodForm, RaiseBody, ReasonBody, RolloverForm, ThresholdsForm, TrailAnswer, TrailEntryAnswer,
};
pub use gpu::{
    GpuAnswer, GpuBillAnswer, GpuGapAnswer, GpuLineAnswer, GpuModelAnswer, GpuNodeAnswer, GpuNodeBillAnswer,
    GpusAnswer, TokenPricesAnswer,
};
pub use health::{AliveAnswer, CheckAnswer, ReadyAnswer};
pub use key::{CreateKeyBody, CreatedKeyAnswer, KeyAnswer, KeysAnswer, RotateKeyBody};
pub use priced::{AttemptAnswer, LineAnswer, PriceRowAnswer, PricedAnswer, RequestAnswer};
pub use record::{AttributionAnswer, ExceptionAnswer, MeterAnswer, RecordAnswer, TimingsAnswer, UsageAnswer};
pub use share::share_of;
pub use spend::{SpendAnswer, SpendMeasures, SpendRowAnswer, TokensAnswer};
