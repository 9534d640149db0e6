//! Polygons and circles as CAP writes them: `lat,lon` pairs in WGS 84 degrees, separated by spaces.
//!
//! Values are checked and otherwise kept as written, digits and all: an area that went through here is the same area.
//! Source: CAP 1.2 section 3.2.4 and its note on WGS 84.

use super::error::{Fault, shorten};

const POINTS: &str =
    "a list of points lat,lon separated by single spaces, such as 51.4613,-0.1156 51.4650,-0.1156: write no space after the comma";
const CIRCLE: &str = "a point and a radius in kilometres, such as 51.4613,-0.1156 0.5, the radius not below 0";

/// A decimal number as `xs:decimal` has it: digits, at most one point, no exponent.
pub(super) fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    !(whole.is_empty() && fraction.is_empty()) && all_digits(whole) && all_digits(fraction)
}

fn decimal(text: &str) -> Option<f64> {
    is_decimal(text).then(|| text.parse().ok()).flatten()
}

fn point(text: &str, expected: &'static str) -> Result<(f64, f64), Fault> {
    let form = || Fault::Form { found: shorten(text), expected };
    let (latitude, longitude) = text.split_once(',').ok_or_else(form)?;
    let (latitude, longitude) = (decimal(latitude).ok_or_else(form)?, decimal(longitude).ok_or_else(form)?);
    if latitude.abs() > 90.0 || longitude.abs() > 180.0 {
        return Err(Fault::OffEarth { found: shorten(text) });
    }
    Ok((latitude, longitude))
}

/// Whether a folded line is a polygon: at least four points on Earth, the last the same as the first.
pub(super) fn check_polygon(line: &str) -> Result<(), Fault> {
    let mut points = Vec::new();
    for text in line.split(' ') {
        points.push((point(text, POINTS)?, text));
    }
    let (Some((first, first_text)), Some((last, last_text))) = (points.first(), points.last()) else {
        return Err(Fault::PolygonTooShort { found: 0 });
    };
    if points.len() < 4 {
        return Err(Fault::PolygonTooShort { found: points.len() });
    }
    if first != last {
        return Err(Fault::PolygonOpen { first: shorten(first_text), last: shorten(last_text) });
    }
    Ok(())
}

/// Whether a folded line is a circle: a point on Earth and a radius of 0 km or more.
pub(super) fn check_circle(line: &str) -> Result<(), Fault> {
    let form = || Fault::Form { found: shorten(line), expected: CIRCLE };
    let (centre, radius) = line.split_once(' ').ok_or_else(form)?;
    point(centre, CIRCLE)?;
    let radius = decimal(radius).ok_or_else(form)?;
    if radius < 0.0 { Err(form()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_polygon_is_taken() {
        assert_eq!(check_polygon("51.46,-0.11 51.47,-0.11 51.47,-0.12 51.46,-0.11"), Ok(()));
        assert_eq!(check_polygon("-90,-180 90,-180 90,180 -90.0,-180.00"), Ok(()));
    }

    #[test]
    fn a_polygon_needs_four_points_and_must_close() {
        assert_eq!(check_polygon("51.46,-0.11 51.47,-0.11 51.46,-0.11"), Err(Fault::PolygonTooShort { found: 3 }));
        assert!(matches!(check_polygon("51.46,-0.11 51.47,-0.11 51.47,-0.12 51.46,-0.12"), Err(Fault::PolygonOpen { .. })));
    }

    #[test]
    fn a_point_off_the_earth_is_refused() {
        for points in ["90.1,0 1,1 2,2 90.1,0", "0,180.5 1,1 2,2 0,180.5", "-91,0 1,1 2,2 -91,0"] {
            assert!(matches!(check_polygon(points), Err(Fault::OffEarth { .. })), "{points}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for points in
            ["", "51.46", "51.46,-0.11 x", "1e1,2 1,1 2,2 1e1,2", "NaN,0 1,1 2,2 NaN,0", "inf,0", "1,2,3", "51.46, -0.11", "٥,1", ".,1"]
        {
            assert!(matches!(check_polygon(points), Err(Fault::Form { .. })), "{points}");
        }
    }

    #[test]
    fn a_circle_has_a_centre_and_a_radius() {
        for circle in ["51.46,-0.11 0.5", "-16.053,-173.274 0.0", "0,0 10"] {
            assert_eq!(check_circle(circle), Ok(()), "{circle}");
        }
        for circle in ["51.46,-0.11", "51.46,-0.11 -1", "51.46 -0.11 1", "51.46,-0.11 1 2", "51.46,-0.11 1km", ""] {
            assert!(matches!(check_circle(circle), Err(Fault::Form { .. })), "{circle}");
        }
        assert!(matches!(check_circle("95,0 1"), Err(Fault::OffEarth { .. })));
    }
}
