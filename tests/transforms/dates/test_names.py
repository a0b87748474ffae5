from __future__ import annotations

from datetime import datetime

import pytest

from headcount.transforms.dates.names import moments_in_folders, moments_in_name, says_scan
from headcount.transforms.dates.spellings import DAY_FIRST, MONTH_FIRST


@pytest.mark.parametrize(
    ("name", "at", "precision"),
    [
        ("IMG_19840605_155300.jpg", datetime(1984, 6, 5, 15, 53), "second"),
        ("20140706_161100.jpg", datetime(2014, 7, 6, 16, 11), "second"),
        ("IMG20140706161100.jpg", datetime(2014, 7, 6, 16, 11), "second"),
        ("20140706_161100_HDR(1).jpg", datetime(2014, 7, 6, 16, 11), "second"),
        ("00001IMG_00001_BURST20171111030039.jpg", datetime(2017, 11, 11, 3, 0, 39), "second"),
        ("2014-07-06 16.11.00.jpg", datetime(2014, 7, 6, 16, 11), "second"),
        ("2014-07-06 16.11.00-1.jpg", datetime(2014, 7, 6, 16, 11), "second"),
        ("2014-07-06 16.11.jpg", datetime(2014, 7, 6, 16, 11), "minute"),
        ("Screenshot_2019-03-04-10-11-12.png", datetime(2019, 3, 4, 10, 11, 12), "second"),
        ("Screenshot_20190304-101112_Chrome.jpg", datetime(2019, 3, 4, 10, 11, 12), "second"),
        ("Screen Shot 2019-03-04 at 10.11.12 PM.png", datetime(2019, 3, 4, 22, 11, 12), "second"),
        ("Screen Shot 2019-03-04 at 12.11.12 AM.png", datetime(2019, 3, 4, 0, 11, 12), "second"),
        ("signal-2019-03-04-101112.jpeg", datetime(2019, 3, 4, 10, 11, 12), "second"),
        ("signal-2019-03-04-10-11-12-123.jpg", datetime(2019, 3, 4, 10, 11, 12), "second"),
        ("photo_2019-03-04_10-11-12 (2).jpg", datetime(2019, 3, 4, 10, 11, 12), "second"),
        ("WhatsApp Image 2019-03-04 at 10.11.12.jpeg", datetime(2019, 3, 4, 10, 11, 12), "second"),
        ("IMG-20190304-WA0012.jpg", datetime(2019, 3, 4), "day"),
        ("2014-07-06.jpg", datetime(2014, 7, 6), "day"),
        ("2014_07_06 Anna.jpg", datetime(2014, 7, 6), "day"),
        ("IMG_20140706_999999.jpg", datetime(2014, 7, 6), "day"),
        ("2014-07-06-1234.jpg", datetime(2014, 7, 6), "day"),
        ("2014-07-06 (12).jpg", datetime(2014, 7, 6), "day"),
        ("1974-08 Grandma.jpg", datetime(1974, 8, 1), "month"),
        # Screenshots and messengers: one-digit hours, halves of the day, words of eight languages.
        ("Screenshot 2023-03-04 at 10.11.12\u202fPM.png", datetime(2023, 3, 4, 22, 11, 12), "second"),
        ("Screen Shot 2020-09-04 at 9.12.10 AM.png", datetime(2020, 9, 4, 9, 12, 10), "second"),
        ("Bildschirmfoto 2023-03-04 um 10.11.12.png", datetime(2023, 3, 4, 10, 11, 12), "second"),
        ("Capture d'écran 2023-03-04 a\u0300 10.11.12.png", datetime(2023, 3, 4, 10, 11, 12), "second"),
        ("Schermata 2023-03-04 alle 10.11.12.png", datetime(2023, 3, 4, 10, 11, 12), "second"),
        ("Captura 2023-03-04 a las 10.11.12 p. m..png", datetime(2023, 3, 4, 22, 11, 12), "second"),
        ("Captura de Tela 2023-03-04 às 10.11.12.png", datetime(2023, 3, 4, 10, 11, 12), "second"),
        ("Schermafbeelding 2023-03-04 om 10.11.12.png", datetime(2023, 3, 4, 10, 11, 12), "second"),
        ("Skärmavbild 2023-03-04 kl. 10.11.12.png", datetime(2023, 3, 4, 10, 11, 12), "second"),
        ("截屏2023-03-04 下午10.11.12.png", datetime(2023, 3, 4, 22, 11, 12), "second"),
        ("스크린샷 2023-03-04 오후 10.11.12.png", datetime(2023, 3, 4, 22, 11, 12), "second"),
        ("Bild 2023-03-04 um 12.11.12 am See.png", datetime(2023, 3, 4, 12, 11, 12), "second"),
        ("WhatsApp Image 2023-03-04 at 1.11.12 PM.jpeg", datetime(2023, 3, 4, 13, 11, 12), "second"),
        ("WhatsApp Image 2023-03-04 at 10.11.12_3f2a1b9c.jpg", datetime(2023, 3, 4, 10, 11, 12), "second"),
        ("viber image 2019-03-04 , 10.11.12.jpg", datetime(2019, 3, 4, 10, 11, 12), "second"),
        ("photo_1@13-02-2019_18-34-53.jpg", datetime(2019, 2, 13, 18, 34, 53), "second"),
        ("photo_1@05-02-2019_18-34-53.jpg", datetime(2019, 2, 5, 18, 34, 53), "second"),
        ("WP_20140706_16_11_00_Pro.jpg", datetime(2014, 7, 6, 16, 11), "second"),
        # Fixed cameras.
        ("20240304T0810.jpg", datetime(2024, 3, 4, 8, 10), "minute"),
        ("2024Y03M04D08H10M00S.jpg", datetime(2024, 3, 4, 8, 10), "second"),
        ("cam1 image24-03-04_08-10-00-35.jpg", datetime(2024, 3, 4, 8, 10), "second"),
        ("image24-03-04_08-10-00-35.jpg", datetime(2024, 3, 4, 8, 10), "second"),
        ("RLC-810A_00_20240304081000.jpg", datetime(2024, 3, 4, 8, 10), "second"),
        ("10.0.0.4_01_20240304081000000_MOTION.jpg", datetime(2024, 3, 4, 8, 10), "second"),
        ("MDAlarm_20240304-081000.jpg", datetime(2024, 3, 4, 8, 10), "second"),
        ("01-20240304081000-00.jpg", datetime(2024, 3, 4, 8, 10), "second"),
        ("DCS-932L2024030408100001.jpg", datetime(2024, 3, 4, 8, 10), "second"),
        ("ch1_20240304081000_20240304081100.jpg", datetime(2024, 3, 4, 8, 10), "second"),
        # People.
        ("2019-03-04 10 11 12.jpg", datetime(2019, 3, 4, 10, 11, 12), "second"),
        ("2023-03-04 10h11m12.jpg", datetime(2023, 3, 4, 10, 11, 12), "second"),
        ("2023-03-04 10h11.jpg", datetime(2023, 3, 4, 10, 11), "minute"),
        ("2014年05月03日 10時11分12秒.jpg", datetime(2014, 5, 3, 10, 11, 12), "second"),
        ("Foto am 3.5.2014 um 9.12.jpg", datetime(2014, 5, 3, 9, 12), "minute"),
        ("13.02.2019.10.11.12.jpg", datetime(2019, 2, 13, 10, 11, 12), "second"),
        ("13022019.jpg", datetime(2019, 2, 13), "day"),
        ("2014-7-6.jpg", datetime(2014, 7, 6), "day"),
        ("12-2014-05-03.jpg", datetime(2014, 5, 3), "day"),
        ("3. Mai 1995.jpg", datetime(1995, 5, 3), "day"),
        ("Italien Aug 1987 012.jpg", datetime(1987, 8, 1), "month"),
        ("Scandinavia 2014-05-03.jpg", datetime(2014, 5, 3), "day"),
        # Spans have what their ends share.
        ("2014-05-03 - 2014-05-10 Rome 012.jpg", datetime(2014, 5, 1), "month"),
        ("20140503-20140510.jpg", datetime(2014, 5, 1), "month"),
    ],
)
def test_names_with_a_date(name: str, at: datetime, precision: str) -> None:
    assert next(moments_in_name(name)) == (at, precision, None)


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("PXL_20210101_101010123.PORTRAIT-01.COVER.jpg", datetime(2021, 1, 1, 10, 10, 10, 123_000)),
        ("2014-07-06T16:11:00Z.jpg", datetime(2014, 7, 6, 16, 11)),
        ("1709539800.jpg", datetime(2024, 3, 4, 8, 10)),
        ("snapshot_1709539800.jpg", datetime(2024, 3, 4, 8, 10)),
        ("front_door-1709539800.123456-x8k3pa.jpg", datetime(2024, 3, 4, 8, 10, 0, 123_456)),
        ("front_door-1709539800.123456-x8k3pa-clean.png", datetime(2024, 3, 4, 8, 10, 0, 123_456)),
        ("1709539800123.jpg", datetime(2024, 3, 4, 8, 10, 0, 123_000)),
        ("IMG_1709539800123 (1).jpg", datetime(2024, 3, 4, 8, 10, 0, 123_000)),
    ],
)
def test_names_in_utc(name: str, at: datetime) -> None:
    assert list(moments_in_name(name)) == [(at, "second", 0)]


@pytest.mark.parametrize("name", ["04-03-2019-10-11-12.jpg", "Photo 04-03-2019 10 11 12.jpg"])
def test_the_day_first_where_the_folder_shows_it(name: str) -> None:
    assert list(moments_in_name(name)) == []
    assert next(moments_in_name(name, DAY_FIRST)).at == datetime(2019, 3, 4, 10, 11, 12)
    assert next(moments_in_name(name, MONTH_FIRST)).at == datetime(2019, 4, 3, 10, 11, 12)


@pytest.mark.parametrize(
    ("name", "scan"),
    [
        ("SCN_20230304.jpg", True),
        ("scanned 2023-03-04 001.jpg", True),
        ("scan0001.jpg", True),
        ("CamScanner 13-04-2023.jpg", True),
        ("Eingescannt 2023-03-04.jpg", True),
        ("Numérisation_20230304.jpg", True),
        ("Escaneado 2023-03-04.jpg", True),
        ("Scansione 2023-03-04.jpg", True),
        ("Digitalizado 2023-03-04.jpg", True),
        ("Scandinavia 2023-03-04.jpg", False),
        ("scandal 2023-03-04.jpg", False),
    ],
)
def test_a_scan_dates_the_scan(name: str, scan: bool) -> None:
    assert says_scan(name) is scan
    assert bool(list(moments_in_name(name))) is not scan


@pytest.mark.parametrize(
    "name",
    [
        "DSC_8364_0.jpg",
        "2007_007763.jpg",
        "2008_001009.jpg",
        "scan00211.jpg",
        "IMG_2014.jpg",
        "2014.jpg",
        "cam_081000.jpg",
        "20140706999999.jpg",
        "FB_IMG_1400000000000.jpg",
        "mmexport1400000000000.jpg",
        "VID_20140706_161100.jpg",
        "+4917612345678.jpg",
        "a20140706f3c1.jpg",
        "3f20140706.jpg",
        "8c1f20140706161100ab.jpg",
        "12345678_10150123456789_1234567890_n.jpg",
        "1920x1080.jpg",
        "20141306_161100.jpg",
        "2014-07_06.jpg",
        "1980-89 Holidays.jpg",
        "06-07-2014.jpg",
        "99999999999999999999.jpg",
        "IMG_2014_1_2.jpg",
        "PicsArt_03-04-10.11.12.jpg",
        "iStock-1096052566.jpg",
        "photo-1489749798305-4fea3ae63d43.jpg",
        "1234567890123456.jpg",
        "100000000.jpg",
        "2019-12-28 - 2020-01-04.jpg",
    ],
)
def test_names_without_a_date(name: str) -> None:
    assert list(moments_in_name(name)) == []


@pytest.mark.parametrize(
    ("folders", "at", "precision"),
    [
        ("2014-05-03 Holiday", datetime(2014, 5, 3), "day"),
        ("20140503", datetime(2014, 5, 3), "day"),
        ("2014/05/03", datetime(2014, 5, 3), "day"),
        ("2014-05/03", datetime(2014, 5, 3), "day"),
        ("2014/2014-05-03 Holiday/best", datetime(2014, 5, 3), "day"),
        ("2014/05", datetime(2014, 5, 1), "month"),
        ("2014_05 Rome", datetime(2014, 5, 1), "month"),
        ("1987 Summer", datetime(1987, 1, 1), "year"),
        ("1987 Été", datetime(1987, 1, 1), "year"),
        ("Christmas 2003", datetime(2003, 1, 1), "year"),
        ("Photos from 2014", datetime(2014, 1, 1), "year"),
        ("2014/Holiday", datetime(2014, 1, 1), "year"),
        ("2014/13", datetime(2014, 1, 1), "year"),
        ("1987 Summer/05", datetime(1987, 1, 1), "year"),
        ("1987/Summer/05", datetime(1987, 1, 1), "year"),
        ("1995/May", datetime(1995, 5, 1), "month"),
        ("1995/05 Mai/Anna", datetime(1995, 5, 1), "month"),
        ("2014/5/3", datetime(2014, 5, 3), "day"),
        ("2014/5", datetime(2014, 1, 1), "year"),
        ("2014-5", datetime(2014, 5, 1), "month"),
        ("2014年/5月/3日", datetime(2014, 5, 3), "day"),
        ("12.05.1994 Oma", datetime(1994, 5, 12), "day"),
        ("12.05.94 Oma", datetime(1994, 5, 12), "day"),
        ("Hochzeit 1994.05.12", datetime(1994, 5, 12), "day"),
        ("2014-5-3", datetime(2014, 5, 3), "day"),
        ("2014年05月03日", datetime(2014, 5, 3), "day"),
        ("2014년 5월 3일", datetime(2014, 5, 3), "day"),
        ("2014년", datetime(2014, 1, 1), "year"),
        ("05-1994", datetime(1994, 5, 1), "month"),
        ("Urlaub 1987-08", datetime(1987, 8, 1), "month"),
        ("May 1995", datetime(1995, 5, 1), "month"),
        ("Italien Aug 1987", datetime(1987, 8, 1), "month"),
        ("Album 3 (1987)", datetime(1987, 1, 1), "year"),
        ("Importante 2014", datetime(2014, 1, 1), "year"),
        ("Marathon 2014", datetime(2014, 1, 1), "year"),
        ("2014-05-03 Bilder von 2014", datetime(2014, 5, 3), "day"),
        ("Urlaub '87", datetime(1987, 1, 1), "year"),
        ("80er", datetime(1980, 1, 1), "decade"),
        ("80er Jahre", datetime(1980, 1, 1), "decade"),
        ("1980s", datetime(1980, 1, 1), "decade"),
        ("anni 80", datetime(1980, 1, 1), "decade"),
        # Spans have what their ends share, never their first day.
        ("2014-05-03 - 2014-05-10", datetime(2014, 5, 1), "month"),
        ("2014-05-03_2014-05-10", datetime(2014, 5, 1), "month"),
        ("20140503-20140510", datetime(2014, 5, 1), "month"),
        ("2014-05-03 bis 10", datetime(2014, 5, 1), "month"),
        ("2014-05-03-10", datetime(2014, 5, 1), "month"),
        ("2014-05-03-02", datetime(2014, 5, 3), "day"),
        ("3.-10.5.2014", datetime(2014, 5, 1), "month"),
        ("03.05.-10.05.2014 Rom", datetime(2014, 5, 1), "month"),
        ("3-10 May 2014", datetime(2014, 5, 1), "month"),
        ("12.05.1994-15.05.1994", datetime(1994, 5, 1), "month"),
        ("3 al 10 de mayo de 2014", datetime(2014, 5, 1), "month"),
        ("May 3 - May 10, 2014", datetime(2014, 5, 1), "month"),
        ("May 28 - June 3, 2014", datetime(2014, 1, 1), "year"),
        ("2014-05-03_05-10", datetime(2014, 5, 1), "month"),
        ("2014.05.03~05.10", datetime(2014, 5, 1), "month"),
        ("2014-05-03_18-30", datetime(2014, 5, 3), "day"),
        ("May 3-10, 2014", datetime(2014, 5, 1), "month"),
        ("2014-05-03 - 2014-06-10", datetime(2014, 1, 1), "year"),
        ("28.04. - 03.05.2014", datetime(2014, 1, 1), "year"),
        ("28. April bis 3. Mai 2014", datetime(2014, 1, 1), "year"),
        ("May-Aug 2014", datetime(2014, 1, 1), "year"),
        ("2014 May-Aug", datetime(2014, 1, 1), "year"),
        ("2014-05 - 2014-07", datetime(2014, 1, 1), "year"),
        ("1980-1989", datetime(1980, 1, 1), "decade"),
        ("1987-89", datetime(1980, 1, 1), "decade"),
        ("1987/88 Winter".replace("/", "\u2013"), datetime(1980, 1, 1), "decade"),
        ("Sommer 1987 und 1988", datetime(1980, 1, 1), "decade"),
    ],
)
def test_folders_with_a_date(folders: str, at: datetime, precision: str) -> None:
    assert next(moments_in_folders(folders.split("/"), "x.jpg")) == (at, precision, None)


@pytest.mark.parametrize(
    "folder",
    [
        "1999 to 2003",
        "2019-12-28 - 2020-01-04",
        "04-03-2019 Party",
        "80. Geburtstag Oma",
        "50er Party",
        "30s",
        "Sicherung 2019",
        "Backup 2019",
        "2019-03-04 scans",
        "1920 x 1080",
        "1600x1200",
        "100CANON",
        "201405__",
        "DCIM",
        "05",
        "May-Aug",
        "Route 66",
        "IMG2014",
        "12345",
    ],
)
def test_folders_without_a_date(folder: str) -> None:
    assert list(moments_in_folders([folder], "x.jpg")) == []


@pytest.mark.parametrize(
    ("path", "at", "precision"),
    [
        ("front/2024-03-04/cam_081000.jpg", datetime(2024, 3, 4, 8, 10), "second"),
        ("2024/03/04/webcam2-081000.jpg", datetime(2024, 3, 4, 8, 10), "second"),
        ("2024-03-04/IMG_081000.jpg", datetime(2024, 3, 4), "day"),
        ("2024-03/cam_081000.jpg", datetime(2024, 3, 1), "month"),
        ("2024-03-04/cam_081099.jpg", datetime(2024, 3, 4), "day"),
        ("2024-03-04/08-10-00.jpg", datetime(2024, 3, 4, 8, 10), "second"),
        ("2024/03/04/Corridor1_08-10-00.jpg", datetime(2024, 3, 4, 8, 10), "second"),
        ("2024-03-04/001/jpg/08/10/30[M][0@0][0].jpg", datetime(2024, 3, 4, 8, 10, 30), "second"),
        ("2024-03-04/001/jpg/08.10.30[M][0@0][0].jpg", datetime(2024, 3, 4, 8, 10, 30), "second"),
        ("2024-03-04/08/10-30.jpg", datetime(2024, 3, 4, 8, 10, 30), "second"),
        ("2024-03-04/08/front/10.30.jpg", datetime(2024, 3, 4, 8, 10, 30), "second"),
        ("2024-03-04/08/10.jpg", datetime(2024, 3, 4, 8, 10), "minute"),
        ("2024/03/04/08/img.jpg", datetime(2024, 3, 4, 8), "hour"),
        ("20240304/08/img_001.jpg", datetime(2024, 3, 4, 8), "hour"),
        ("2024Y03M04D08H/10M00S60.jpg", datetime(2024, 3, 4, 8, 10), "second"),
        ("2024Y03M04D/08H10M00S.jpg", datetime(2024, 3, 4, 8, 10), "second"),
        ("2024030408/10-00.jpg", datetime(2024, 3, 4, 8, 10), "second"),
        ("2024-03-04T08/10.jpg", datetime(2024, 3, 4, 8, 10), "minute"),
        ("2024-03-04/08h/10m00s.jpg", datetime(2024, 3, 4, 8, 10), "second"),
        ("2024/03/04/08/10/img.jpg", datetime(2024, 3, 4, 8, 10), "minute"),
        ("2024-03-04/ch01_081000.jpg", datetime(2024, 3, 4, 8, 10), "second"),
        ("2024Y03M04D08H/E110M00S60.jpg", datetime(2024, 3, 4, 8, 10), "second"),
        ("2024-03-04/25/x.jpg", datetime(2024, 3, 4), "day"),
        ("2024-03-04 Oma/01/x.jpg", datetime(2024, 3, 4), "day"),
    ],
)
def test_fixed_cameras_have_the_time_in_folders_and_names(path: str, at: datetime, precision: str) -> None:
    *folders, name = path.split("/")
    assert next(moments_in_folders(folders, name)) == (at, precision, None)
