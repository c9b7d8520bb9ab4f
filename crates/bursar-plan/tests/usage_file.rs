//! Reading usage files: what is right is read exactly, what is wrong is told by line, and nothing panics.

use bursar_core::Timestamp;
use bursar_plan::demand::{Class, Demand, DemandPoint, MissingRows, Stream, Usage, UsageOptions, read_usage};
use proptest::prelude::*;

const HEAD: &str = "ts,model,tenant,class,requests,input,cached_input,output,peak\n";

fn read(text: &str) -> Result<Usage, String> {
    read_usage("usage.csv", text.as_bytes(), &UsageOptions::default()).map_err(|p| p.to_string())
}

fn told(text: &str) -> String {
    read(text).expect_err("is told")
}

/// A row of one hour of 2026-11-02 (UTC).
fn row(hour: u32, rest: &str) -> String {
    format!("2026-11-02T{hour:02}:00:00Z,{rest}\n")
}

fn rows(rest: &[&str]) -> String {
    let rows: String = rest.iter().enumerate().map(|(i, r)| row(i as u32, r)).collect();
    format!("{HEAD}{rows}")
}

const FINE: &str = "m,acme,interactive,100,50000,20000,36000,12";

#[test]
fn a_whole_file_is_read_with_offsets_other_names_and_any_order() {
    let text = "\u{feff}Timestamp,model,team,class,requests,prompt_tokens,cached tokens,completion_tokens,peak\r\n\
                2026-11-02T14:00:00+01:00,m,acme,Interactive,2,900,100,3600,1.5\r\n\
                2026-11-02T12:00:00Z,m,acme,interactive,1,700,0,7200,\r\n";
    let usage = read(text).unwrap();
    assert_eq!(usage.demand.start, Timestamp::from_seconds(1_793_620_800));
    assert_eq!((usage.demand.step_seconds, usage.rows, usage.filled), (3_600, 2, 0));
    let points = &usage.demand.streams[0].points;
    assert_eq!(points[0], DemandPoint { requests: 1, input: 700, output: 7_200, ..DemandPoint::default() });
    assert_eq!(points[1].cached_input, 100);
    assert_eq!(points[1].peak_output_per_second, Some(1.5));
    assert!(usage.assumed.is_empty(), "{:?}", usage.assumed);
}

#[test]
fn what_was_taken_for_granted_is_told() {
    let text = "ts,model,requests,input,output\n2026-11-02T12:00:00Z,m,1,9,9\n2026-11-02T12:30:00Z,m,1,9,9\n";
    let options = UsageOptions {
        class: Some(Class::Batch),
        tenant: Some("acme".to_owned()),
        ..UsageOptions::default()
    };
    let usage = read_usage("usage.csv", text.as_bytes(), &options).unwrap();
    insta::assert_snapshot!(usage.assumed.join("\n"), @r"
    every row is of class batch, as told
    every row is of tenant acme, as told
    no input was read from a cache, because there is no column cached_input
    peaks within a step are not known, because there is no column peak
    ");
}

#[test]
fn every_wrong_value_of_a_file_is_told_by_line_at_once() {
    let text = rows(&[
        FINE,
        "m,acme,interactiv,100,50000,20000,36000,12",
        "m,acme,interactive,-3,50000,20000,36000,12",
        "m,acme,interactive,100,50000,60000,36000,12",
        "m,acme,interactive,100,50.5,0,NaN,inf",
        "m,acme,interactive,100,5e4,0,36M,12",
        "m,,interactive,100,\"50,000\",0,,12",
        "m,acme,interactive,100,99,0,36000,12",
        "m,acme,interactive,0,50000,0,36000,12",
        "m,acme,interactive,1,50000000,0,36000,12",
        "m,acme,interactive,100,99999999999999999999,0,99999999999999999,12",
        "m,acme,interactive,100",
    ]);
    insta::assert_snapshot!(told(&text));
}

#[test]
fn moments_that_are_ambiguous_or_none_are_told() {
    let at = |ts: &str| format!("{ts},{FINE}\n");
    let moments = [
        "2026-11-02T13:00:00",
        "1793620800",
        "1793620800000",
        "2026-11-02T13:00:00-00:00",
        "",
        "02.11.2026 13:00",
        "2026-13-02T13:00:00Z",
        "2026-11-02",
        "2026-11-02T13:00:00.5Z",
        "13:00",
    ];
    insta::assert_snapshot!(told(&format!("{HEAD}{}", moments.map(at).concat())));
}

#[test]
fn a_peak_that_does_not_fit_its_step_is_told_with_the_likely_unit() {
    let text = rows(&[
        FINE,
        "m,acme,interactive,100,50000,0,36000,9",
        "m,acme,interactive,100,50000,0,36000,720",
        "m,acme,interactive,100,50000,0,36000,60",
    ]);
    insta::assert_snapshot!(told(&text));
}

#[test]
fn gaps_doubles_and_mixed_steps_are_told() {
    let other = FINE.replace("acme", "zeta");
    let mut text = HEAD.to_owned();
    for hour in [0, 1, 2, 5, 6] {
        text += &row(hour, FINE);
    }
    for hour in [0, 1, 2, 2, 6] {
        text += &row(hour, &other);
    }
    text += &format!("2026-11-02T06:10:00Z,{other}\n");
    insta::assert_snapshot!(told(&text));
}

#[test]
fn a_changed_clock_is_named_as_the_likely_reason() {
    // Berlin's clocks went forward on 2026-03-29 at 02:00: local time with a fixed +01:00 skips an hour.
    let forward = ["00:00", "01:00", "03:00", "04:00"].map(|t| format!("2026-03-29T{t}:00+01:00,{FINE}\n"));
    insta::assert_snapshot!(told(&format!("{HEAD}{}", forward.concat())), @"
    1 problem in usage.csv
      line 3, ts: m / acme / interactive has no row for 1 step from 2026-03-29T01:00:00Z on, nor has any other stream: add them, with zeros where nothing was asked (clocks may have changed that night: was local time written with one offset? Export in UTC)
    ");
    let back = ["01:00", "02:00", "02:00", "03:00"].map(|t| format!("2026-10-25T{t}:00+01:00,{FINE}\n"));
    insta::assert_snapshot!(told(&format!("{HEAD}{}", back.concat())), @"
    1 problem in usage.csv
      line 4, ts: is the same step of m / acme / interactive as line 3: add the two rows up, or remove one (clocks may have changed that night: was local time written with one offset? Export in UTC)
    ");
}

#[test]
fn missing_rows_are_zero_only_where_the_caller_says_so() {
    let other = FINE.replace("acme", "zeta");
    let text = format!("{HEAD}{}{}{}{}", row(0, FINE), row(2, FINE), row(1, &other), row(2, &other));
    assert!(read(&text).is_err());
    let reading = |text: &str, missing_rows| {
        read_usage("usage.csv", text.as_bytes(), &UsageOptions { missing_rows, ..UsageOptions::default() })
    };
    let usage = reading(&text, MissingRows::ZeroWhereOthersAre).unwrap();
    assert_eq!((usage.filled, usage.demand.steps()), (2, 3));
    assert_eq!(usage.demand.streams[0].points[1], DemandPoint::default());
    assert_eq!(usage.assumed, ["2 steps without a row had no requests, as told"]);
    let bare = format!("{HEAD}{}{}{}", row(0, FINE), row(1, FINE), row(4, FINE));
    assert!(reading(&bare, MissingRows::ZeroWhereOthersAre).is_err());
    assert_eq!(reading(&bare, MissingRows::Zero).unwrap().filled, 2);
}

#[test]
fn steps_that_are_too_long_too_short_or_unknown_are_told() {
    let apart = |a: &str, b: &str| told(&format!("{HEAD}{a},{FINE}\n{b},{FINE}\n"));
    let hour = "2026-11-02T00:00:00Z";
    let all = [
        apart(hour, "2026-11-03T00:00:00Z"),
        apart(hour, "2026-11-02T00:01:00Z"),
        apart(hour, "2026-11-02T00:25:00Z"),
        told(&format!("{HEAD}{hour},{FINE}\n")),
        told(&format!("{HEAD}{hour},{FINE}\n2026-11-02T01:00:00Z,{FINE}\n9026-11-02T01:00:00Z,{FINE}\n")),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_header_in_other_units_or_with_other_separators_is_told() {
    let head = |names: &str| told(&format!("{names}\n2026-11-02T00:00:00Z,{FINE}\n"));
    let all = [
        head("ts,model,tenant,class,requests,input_tokens_per_second,cached_input,output_k,peak_per_minute"),
        head("ts,model,tenant,class,requests,input,inputs,outptu,input_tokens"),
        told("ts;model;tenant;class;requests;input;output\n2026-11-02T00:00:00Z;m;t;batch;1;2;3\n"),
        told(""),
        told(" \n\n"),
        told(HEAD),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn bytes_that_are_no_text_are_told() {
    let bytes = [HEAD.as_bytes(), b"2026-11-02T00:00:00Z,\xff\xfe,acme,batch,1,2,0,3,\n"].concat();
    let problems = read_usage("usage.csv", &bytes, &UsageOptions::default()).unwrap_err();
    assert_eq!(problems.kept[0].to_string(), "line 2, model: is not UTF-8: save the file as UTF-8");
}

#[test]
fn sums_beyond_64_bits_are_told() {
    let rows: String = (0..20_000)
        .flat_map(|t| {
            (0..2).map(move |h| row(h, &format!("m,t{t},batch,1000000000000000,0,0,1000000000000000,")))
        })
        .collect();
    assert!(told(&format!("{HEAD}{rows}")).contains("its sums are out of range"));
}

fn written(demand: &Demand) -> String {
    let mut text = HEAD.to_owned();
    for s in &demand.streams {
        for (i, p) in s.points.iter().enumerate() {
            let at = demand.start.micros() / 1_000_000 + i as i64 * i64::from(demand.step_seconds);
            let at = jiff::Timestamp::from_second(at).unwrap();
            let peak = p.peak_output_per_second.map(|p| p.to_string()).unwrap_or_default();
            text += &format!(
                "{at},{},{},{},{},{},{},{},{peak}\n",
                s.model,
                s.tenant,
                s.class.name(),
                p.requests,
                p.input,
                p.cached_input,
                p.output
            );
        }
    }
    text
}

fn points() -> impl Strategy<Value = DemandPoint> {
    (1u64..1_000, 0u64..5_000, 0u64..5_000, 0.0f64..=1.0).prop_map(|(requests, input, output, cached)| {
        let input = requests * input;
        DemandPoint {
            requests,
            input,
            cached_input: (input as f64 * cached) as u64,
            output: requests * output,
            peak_output_per_second: None,
        }
    })
}

proptest! {
    #[test]
    fn a_demand_written_and_read_again_is_the_same(
        points in proptest::collection::vec((points(), points()), 2..20), step in 0usize..4,
    ) {
        let stream = |tenant: &str, points| Stream {
            model: "m".to_owned(), tenant: tenant.to_owned(), class: Class::Interactive, points,
        };
        let demand = Demand {
            start: Timestamp::from_seconds(1_793_577_600),
            step_seconds: [600, 900, 1_800, 3_600][step],
            streams: vec![
                stream("a", points.iter().map(|p| p.0).collect()),
                stream("b", points.iter().map(|p| p.1).collect()),
            ],
        };
        prop_assert_eq!(read(&written(&demand)).map(|u| u.demand), Ok(demand));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_usage("usage.csv", &bytes, &UsageOptions::default());
        let with_header = [HEAD.as_bytes(), &bytes].concat();
        let _ = read_usage("usage.csv", &with_header, &UsageOptions::default());
    }

    #[test]
    fn no_rows_of_odd_values_make_the_reader_panic(
        cells in proptest::collection::vec(("[-0-9T:Z+.]{0,26}", "[a-z]{0,3}", "[-0-9.eNaif,]{0,21}"), 0..12),
    ) {
        let rows: String = cells.iter().map(|(ts, name, n)| {
            format!("{ts},{name},t,batch,{n},\"{n}\",{n},\"{n}\",\"{n}\"\n{}", row(1, FINE))
        }).collect();
        let options = UsageOptions { missing_rows: MissingRows::Zero, step_seconds: Some(600), ..UsageOptions::default() };
        let _ = read_usage("usage.csv", format!("{HEAD}{rows}").as_bytes(), &options);
    }
}
